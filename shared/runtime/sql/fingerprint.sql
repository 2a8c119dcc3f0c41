-- name: load_fingerprints
-- What these data were made with.
select name, value from fingerprint;

-- name: insert_fingerprints
-- Written once, by whoever comes first.
insert into fingerprint (name, value) select * from unnest($1::text[], $2::text[]) on conflict do nothing;

-- name: delete_fingerprints
-- Keys that were taken out of their sets, and seal nothing any more.
delete from fingerprint where name = any($1::text[]);

-- name: count_lanes
-- None before the first start.
select count(*) from lane;

-- name: parked_under
-- Is anything that was parked still sealed under this key?
select exists (select from parked where starts_with(sealed, $1));
