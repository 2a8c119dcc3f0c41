-- name: load_known_accounts
-- Those of these participants who have linked an account before, and those who were erased.
select participant_id, false as erased from account where participant_id = any($1::text[])
union all
select participant_id, true from erasure where participant_id = any($1::text[]);

-- name: load_last_sharers
-- The highest number among those who linked each of these accounts, if anybody did.
select account_index, max(sharer) as sharer from account where account_index = any($1::bytea[]) group by account_index;

-- name: update_accounts
-- The latest time of linking counts, whenever it arrives. Who links the same account once more keeps the number.
update account a
set partner = new.partner, account = new.account, verified = new.verified, same_identity = new.same_identity, linked_at = new.linked_at,
    caused_by = new.caused_by, account_index = new.account_index,
    sharer = case when a.account_index = new.account_index then a.sharer else new.sharer end
from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::timestamptz[], $7::bigint[], $8::bytea[], $9::integer[])
    as new (participant_id, partner, account, verified, same_identity, linked_at, caused_by, account_index, sharer)
where a.participant_id = new.participant_id and a.linked_at < new.linked_at;

-- name: load_accounts
-- The accounts that these participants linked, and how many have linked the same one.
select participant_id, partner, account, verified, same_identity, linked_at, account_index,
    (select count(*) from account o where o.account_index = a.account_index) as people
from account a where participant_id = any($1::text[]);

-- name: load_unindexed_accounts
-- The next participants whose account was linked before accounts had an index.
select participant_id, partner, account from account
where participant_id > $1 and account_index is null and account <> '' order by participant_id limit $2;

-- name: index_accounts
-- Numbered after those who linked the same account; one that was linked meanwhile stays.
update account a set account_index = new.account_index, sharer = new.nth + new.last
from (select participant_id, before, account_index, row_number() over (partition by account_index) as nth,
             coalesce((select max(o.sharer) from account o where o.account_index = given.account_index), 0) as last
      from unnest($1::text[], $2::text[], $3::bytea[]) as given (participant_id, before, account_index)) as new
where a.participant_id = new.participant_id and a.account = new.before and a.account_index is null;

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
