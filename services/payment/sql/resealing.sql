-- name: reseal_providers
-- The content of a version stays the same. Done by `migrate` as the owner; the service itself may not.
update provider p set account = new.account
from unnest($1::text[], $2::integer[], $3::text[]) as new (provider_id, version, account)
where p.provider_id = new.provider_id and p.version = new.version;
