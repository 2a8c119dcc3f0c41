-- Why: a partner may return what it has paid, and may have paid twice. What is returned is booked back and held for its
-- payee; what was paid besides is claimed back.
-- Locks attempt while each row is read once to check it, some minutes for fifty million; disbursement and confirmation
-- for a moment. The new value is used by no statement here, since it can be used only after the commit.
alter type claim_reason add value 'contradicted';

alter table attempt
    add column settled_at timestamptz,
    add column returned_at timestamptz,
    add column return_carried_by bigint,
    add constraint only_what_was_paid_is_returned check (returned_at is null or settled_at is not null);
comment on column attempt.settled_at is 'Of one that was returned; while it is paid, its disbursement says so.';
comment on column attempt.returned_at is 'The money came back to the partner, in full.';
comment on column attempt.return_carried_by is 'The number of the event on payment.events that announced the return.';
comment on column attempt.reason is 'The partner''s own, of its rejection, or of the return of what was never rejected.';

drop trigger a_final_word_never_changes on attempt;
create trigger a_final_word_never_changes after update on attempt for each row
    when ((old.reference, old.lane, old.partner, old.amount) is distinct from (new.reference, new.lane, new.partner, new.amount)
          or (old.rejected_at is not null or old.returned_at is not null)
             and (old.instructed_at, old.answer_by, old.accepted_at, old.rejected_at, old.number, old.redeem_code, old.benefit,
                  old.reason, old.partner_reference, old.adopted, old.wave, old.component, old.account_version, old.keeps_money)
                 is distinct from
                 (new.instructed_at, new.answer_by, new.accepted_at, new.rejected_at, new.number, new.redeem_code, new.benefit,
                  new.reason, new.partner_reference, new.adopted, new.wave, new.component, new.account_version, new.keeps_money)
          or old.returned_at is not null
             and (old.settled_at, old.returned_at) is distinct from (new.settled_at, new.returned_at)
          or new.returned_at is null and old.settled_at is distinct from new.settled_at)
    execute function refuse_change_of_final();

create function refuse_unless_returned() returns trigger language plpgsql as $$
begin
    if new.state in ('held', 'failed') and (new.reference, new.attempt) = (old.reference, old.attempt)
       and exists (select from attempt a where a.reference = old.reference and a.returned_at is not null) then
        return null;
    end if;
    raise exception '% was paid, and not returned', old.reference using errcode = 'restrict_violation';
end $$;
drop trigger a_final_disbursement_never_changes on disbursement;
create trigger a_final_disbursement_never_changes after update on disbursement for each row
    when (old.state in ('failed', 'forfeited') or old.cancelled_at is not null)
    execute function refuse_change_of_final();
create trigger a_paid_right_goes_back_only_returned after update on disbursement for each row
    when (old.state = 'settled')
    execute function refuse_unless_returned();

-- One that was confirmed and returned may be confirmed again, under another reference.
alter table confirmation drop constraint confirmation_redeem_code_benefit_key;
create index confirmation_by_right on confirmation (redeem_code, benefit);

create or replace function refuse_unless_confirmed() returns trigger language plpgsql as $$
begin
    if old.frozen and exists (
        select from confirmation c join attempt a using (reference, redeem_code, benefit)
        where (c.reference, c.redeem_code, c.benefit) = (new.reference, new.redeem_code, new.benefit)
          and (a.amount, a.partner) = (new.amount, new.partner) and a.rejected_at is not null and a.returned_at is null) then
        return null;
    end if;
    raise exception 'nobody confirmed %', new.reference using errcode = 'restrict_violation';
end $$;

create or replace function refuse_unless_confirmed_so_much() returns trigger language plpgsql as $$
begin
    if new.overdrawn <= (select coalesce(sum(d.amount), 0) from confirmation c join disbursement d using (redeem_code, benefit)
                         where d.wave = new.wave and d.component = new.component)
                      + (select coalesce(sum(c.amount), 0) from money_claim c join disbursement d using (redeem_code, benefit)
                         where c.reason = 'contradicted' and d.wave = new.wave and d.component = new.component)
                      + (select coalesce(sum(a.amount), 0) from attempt a
                         where a.adopted and a.wave = new.wave and a.component = new.component) then
        return null;
    end if;
    raise exception 'nobody confirmed or was told so much of wave %', new.wave using errcode = 'restrict_violation';
end $$;
