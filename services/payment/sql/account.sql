-- name: load_known_accounts
-- Those of these participants who have linked an account before, and those who were erased.
select participant_id, false as erased from account where participant_id = any($1::text[])
union all
select participant_id, true from erasure where participant_id = any($1::text[]);

-- name: update_accounts
-- The latest time of linking counts, whenever it arrives.
update account a
set partner = new.partner, account = new.account, verified = new.verified, same_identity = new.same_identity, linked_at = new.linked_at,
    caused_by = new.caused_by
from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::timestamptz[], $7::bigint[])
    as new (participant_id, partner, account, verified, same_identity, linked_at, caused_by)
where a.participant_id = new.participant_id and a.linked_at < new.linked_at;

-- name: load_accounts
-- The accounts that these participants linked.
select participant_id, partner, account, verified, same_identity, linked_at
from account where participant_id = any($1::text[]);

-- name: load_own_seals_since
-- Until this migration enrollment passed on accounts as upstream had sealed them.
select applied_at from migration where component = 'payment' and name = 'own_seals';

-- name: has_sealed_accounts
-- Asked before keys are read to seal accounts again.
select exists (select from account) or exists (select from provider);

-- name: load_account_portion
-- The next participants, with those of their accounts that are not sealed under the current key. Those who were erased have none.
select max(participant_id) as last,
       coalesce(array_agg(participant_id) filter (where not starts_with(account, $2)), '{}') as participant_ids,
       coalesce(array_agg(partner) filter (where not starts_with(account, $2)), '{}') as partners,
       coalesce(array_agg(account) filter (where not starts_with(account, $2)), '{}') as accounts
from (select participant_id, partner, account from account
      where participant_id > $1 and account <> '' order by participant_id limit $3) as portion;

-- name: reseal_accounts
-- An account that was linked meanwhile stays.
update account a set account = new.account
from unnest($1::text[], $2::text[], $3::text[]) as new (participant_id, before, account)
where a.participant_id = new.participant_id and a.account = new.before;
