-- name: load_fingerprints
-- The keys and values that these data were made with.
select name, value, since from fingerprint;

-- name: insert_fingerprints
-- The first process writes them; they are never changed.
insert into fingerprint (name, value) select * from unnest($1::text[], $2::text[]) on conflict do nothing;

-- name: delete_fingerprints
-- Keys that were taken out of their sets and seal nothing any more.
delete from fingerprint where name = any($1::text[]);

-- name: count_lanes
-- None before the first start.
select count(*) from lane;
