-- Why: a training that is voided after its rejection can never be reopened, so the void is noted. Locks enrollment for a moment.
drop trigger enrollment_is_final on enrollment;
create trigger enrollment_is_final after update on enrollment for each row
    when (case old.state
        when 'open' then new.state = 'revoked' or new.reopened_at is not null
        when 'not_completed' then case new.state
            when 'not_completed' then old.void_caused_by is not null
                or (old.decided_at, old.carried_by) is distinct from (new.decided_at, new.carried_by) or new.reopened_at is not null
            when 'completed' then old.void_caused_by is not null
                or new.reopened_at is null or old.decided_at is distinct from new.decided_at
            else true end
        when 'completed' then new.state <> 'revoked'
            or (old.decided_at, old.completed_at, old.digest, old.reopened_at)
                is distinct from (new.decided_at, new.completed_at, new.digest, new.reopened_at)
        else true end)
    execute function keep_final();
comment on column enrollment.void_caused_by is
    'The number of the event on enrollment.events that voided it while it was open, or after its rejection.';
