-- Why: the database accepts only those steps of a disbursement that domain/disbursement.py allows, whoever takes them.
-- The conditions name what is legal, so that a legal step of an ordinary journey calls no function. What ends in a final
-- state, leaves one, is frozen or confirmed has its own triggers, which stay.
-- Locks disbursement and attempt for a moment; no row is read.

create function refuse_step() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and exists (
        select from attempt a
        where a.reference = old.reference and (a.rejected_at is not null or a.returned_at is not null)
          and case when new.state in ('held', 'failed')
                       then old.state in ('instructed', 'accepted')
                            and (new.attempt, new.reference, new.partner) = (old.attempt, old.reference, old.partner)
                   else (old.state, new.state) = ('held', 'instructed')
                        and new.attempt = old.attempt + 1 and new.reference <> old.reference end) then
        return null;
    end if;
    raise exception '% % cannot be %: no step leads there', new.redeem_code, new.benefit, new.state
        using errcode = 'restrict_violation';
end $$;

create trigger a_right_begins_unpaid after insert on disbursement for each row
    when (not (new.attempt = 0 and new.state in ('held', 'cancelled', 'forfeited')
               or new.attempt = 1 and new.state = 'instructed'))
    execute function refuse_step();

create trigger a_step_is_in_the_table after update on disbursement for each row
    when (not case old.state
        when 'instructed' then new.state in ('instructed', 'accepted', 'settled')
                               and new.attempt = old.attempt and new.reference = old.reference and new.partner = old.partner
        when 'accepted' then new.state in ('accepted', 'settled')
                             and new.attempt = old.attempt and new.reference = old.reference and new.partner = old.partner
        when 'held' then new.state = 'settled' and new.attempt = old.attempt
                         or new.state in ('held', 'cancelled', 'forfeited')
                            and new.attempt = old.attempt and new.reference is not distinct from old.reference
                         or new.state = 'instructed' and old.attempt = 0 and new.attempt = 1
        when 'settled' then new.state in ('held', 'failed')
        else false end)
    execute function refuse_step();

create trigger an_attempt_stays_with_its_right after update on attempt for each row
    when (old.redeem_code is not null
          and (old.redeem_code, old.benefit, old.number) is distinct from (new.redeem_code, new.benefit, new.number))
    execute function refuse_change_of_final();
