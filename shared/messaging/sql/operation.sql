-- name: lock_operations
-- The chain has one end; whoever holds its row may add to it. Operators are few, so one at a time is enough.
select number, hash, seal from operation_head for update;

-- name: insert_operation
-- Each row holds the hash of the one before, and the end is sealed.
with moved as (update operation_head set number = $1, hash = $8, seal = $9)
insert into operation (number, at, verb, who, why, detail, previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: load_operations
-- The latest first; null: whoever did it, by whatever verb.
select number, at, verb, who, why, detail from operation
where ($1::text is null or verb = $1) and ($2::text is null or who = $2) and ($3::bigint is null or number < $3)
order by number desc limit $4;

-- name: load_operation_head
-- Where the log ends, for whoever verifies it.
select number, hash, seal from operation_head;

-- name: seal_operation_head
-- Where it ended before there were seals, or under a key that is lost.
update operation_head set seal = $1;

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
