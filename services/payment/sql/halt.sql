-- name: load_halts
-- Read in every transaction that instructs, so that the switch works with the next batch.
select scope from halt;

-- name: insert_halt
-- Halting what is halted changes nothing.
insert into halt (scope, since, who, why) values ($1, $2, $3, $4) on conflict do nothing returning scope;

-- name: delete_halt
-- Resuming what is not halted changes nothing.
delete from halt where scope = $1 returning scope;
