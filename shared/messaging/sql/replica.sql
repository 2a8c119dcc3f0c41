-- name: enter_replica
-- A process takes its name over from whoever had it; later even where the clock was set back.
insert into replica (name, since) values ($1, $2)
on conflict (name) do update set since = greatest(replica.since + 1, excluded.since) returning since;

-- name: confirm_replica
-- Who has the name now. A restore may have forgotten this process, or know only an earlier one.
insert into replica (name, since) values ($1, $2)
on conflict (name) do update set since = greatest(replica.since, excluded.since) returning since;
