-- name: load_fingerprints
-- The keys and values that these data were made with.
select name, value from fingerprint;

-- name: insert_fingerprints
-- The first process writes them; they are never changed.
insert into fingerprint (name, value) select * from unnest($1::text[], $2::text[]) on conflict do nothing;

-- name: delete_fingerprints
-- Keys that were taken out of their sets and seal nothing any more.
delete from fingerprint where name = any($1::text[]);

-- name: count_lanes
-- None before the first start.
select count(*) from lane;

-- name: parked_under
-- A key may go when no parked record is sealed under it, not counting those that no key opens any more.
select exists (select from parked p left join personal_key k using (person)
               where starts_with(p.sealed, $1) and (k.person is null or k.secret is not null));
