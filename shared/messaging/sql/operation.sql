-- name: last_operation
-- The chain has one end; whoever adds to it holds the table against other writers.
select number, hash from operation order by number desc limit 1;

-- name: lock_operations
-- Operators are few; one at a time keeps the chain a chain.
select pg_advisory_xact_lock(hashtextextended('operation ' || current_schema(), 0));

-- name: insert_operation
-- Each row seals the one before.
insert into operation (number, at, verb, who, why, detail, previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: load_consent
-- What a first person has said about a subject, for a verb that takes two.
select content, who from consent where verb = $1 and subject = $2;

-- name: keep_consent
-- The latest word of a first person counts; what was said about another content is void.
insert into consent (verb, subject, content, who, at) values ($1, $2, $3, $4, $5)
on conflict (verb, subject) do update set content = excluded.content, who = excluded.who, at = excluded.at;

-- name: delete_consent
-- The second person has acted on it.
delete from consent where verb = $1 and subject = $2;
