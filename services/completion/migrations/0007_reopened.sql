-- Why: two persons may complete a training that was rejected because its time was over. Locks enrollment for a moment,
-- and tally while it is read: a row per lane and state.

alter table enrollment add column reopened_at timestamptz;
comment on column enrollment.reopened_at is
    'When two persons completed it by evidence that had come after it was rejected; decided_at is the rejection''s.';
drop trigger enrollment_is_final on enrollment;
create trigger enrollment_is_final after update on enrollment for each row
    when (case old.state
        when 'open' then new.state = 'revoked' or new.reopened_at is not null
        when 'not_completed' then new.state <> 'completed' or new.reopened_at is null or old.decided_at is distinct from new.decided_at
        when 'completed' then new.state <> 'revoked'
            or (old.decided_at, old.completed_at, old.digest, old.reopened_at)
                is distinct from (new.decided_at, new.completed_at, new.digest, new.reopened_at)
        else true end)
    execute function keep_final();

-- A reopened enrollment is no longer counted as not completed.
alter table tally drop constraint tally_enrollments_check, add constraint tally_enrollments_check check (enrollments >= 0);
comment on table tally is 'How many enrollments of each lane ever came to be in which state, so that nobody has to count them; reopened ones leave not_completed.';

-- What a completion rests on stays; as long as there is none, a revoked fact and a spare change places.
create or replace function keep_decided() returns trigger language plpgsql as $$ begin
    if exists (select from enrollment where redeem_code = old.redeem_code and state in ('open', 'not_completed')) then
        return old;
    end if;
    raise exception 'what % holds is final', tg_table_name using errcode = 'restrict_violation';
end $$;
