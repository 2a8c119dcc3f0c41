-- name: insert_claims
-- Sorted, as copied rows are, so that two batches cannot wait for each other in a ring; the loser waits for the winner's
-- commit.
insert into claim (kind, key, owner)
select $1, key, owner from unnest($2::text[], $3::text[]) as wanted (key, owner) order by key collate "C"
on conflict do nothing returning key;

-- name: load_claims
-- A second statement, because the first cannot see what another transaction committed while it waited.
select key, owner from claim where kind = $1 and key = any($2::text[]);

-- name: delete_claims
-- A refused request gives its claim back.
delete from claim where kind = $1 and key = any($2::text[]);
