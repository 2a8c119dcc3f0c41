-- Why: a claim stands for ever; only the transaction that made it may give it back, as a refusal does. And a fingerprint of
-- what never changes may not be taken away, or another key or name would pass for the one the data were made with; of key
-- sets that rotate, and of chains that two persons seal anew, it may. Both were left to care.
-- Locks claim and fingerprint for a moment.

create function refuse_to_free_a_claim() returns trigger language plpgsql as $$
declare
    this bigint := pg_current_xact_id()::text::bigint;
    since bigint := (old.xmin::text::bigint - this) & 4294967295;
begin
    -- Not made before this transaction, and not committed: whoever sees it then has made it.
    if since < 2147483648 and pg_xact_status((this + since)::text::xid8) = 'in progress' then
        return old;
    end if;
    raise exception 'a claim of kind % stands for ever', old.kind using errcode = 'restrict_violation';
end $$;
create trigger claims_stand before delete on claim for each row execute function refuse_to_free_a_claim();

create function refuse_to_forget() returns trigger language plpgsql as
    $$ begin raise exception '% is fixed for the life of these data', old.name using errcode = 'restrict_violation'; end $$;
create trigger what_is_fixed_stays before delete on fingerprint
    for each row when (old.name not like '%/%' and old.name not like '%-chain') execute function refuse_to_forget();
