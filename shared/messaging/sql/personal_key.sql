-- name: make_personal_secrets
-- Who has one already keeps it, and who was erased gets none.
insert into personal_key (person, secret) select * from unnest($1::text[], $2::bytea[]) on conflict do nothing;

-- name: load_personal_secrets
-- Null for who was erased.
select person, secret from personal_key where person = any($1::text[]);

-- name: load_erased_people
-- Those of these people whose secret was destroyed.
select person from personal_key where person = any($1::text[]) and secret is null;

-- name: destroy_personal_secrets
-- Also of people who have none yet, so that they get none later.
insert into personal_key (person) select * from unnest($1::text[])
on conflict (person) do update set secret = null;
