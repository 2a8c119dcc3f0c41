-- name: last_operation
-- The chain has one end; whoever adds to it holds the table against other writers.
select number, hash from operation order by number desc limit 1;

-- name: lock_operations
-- Operators are few; one at a time keeps the chain a chain.
lock table operation in share row exclusive mode;

-- name: insert_operation
-- Each row seals the one before.
insert into operation (number, at, verb, who, why, detail, previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8);
