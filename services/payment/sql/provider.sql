-- name: insert_providers
-- A known version stays as it is; its content is compared afterwards.
insert into provider (provider_id, version, partner, account, content)
select * from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[])
on conflict do nothing;

-- name: load_provider_contents
-- Compared with a version that comes again.
select p.provider_id, p.version, p.content
from provider p join unnest($1::text[], $2::integer[]) as asked (provider_id, version) using (provider_id, version);

-- name: load_provider_accounts
-- The account of record is that of the highest version.
select distinct on (provider_id) provider_id, version, partner, account, content
from provider where provider_id = any($1::text[])
order by provider_id, version desc;

-- name: load_providers_to_reseal
-- Versions whose account is not sealed under the current key.
select provider_id, version, partner, account from provider
where not starts_with(account, $1) and (provider_id, version) > ($2, $3::integer)
order by provider_id, version limit $4;
