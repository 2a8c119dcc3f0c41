-- name: load_accounts
-- The account that each of these participants linked last, and those of them who were erased.
select participant_id, lane, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index, carried_by,
       false as erased
from account where participant_id = any($1::text[])
union all
select participant_id, lane, null, null, null, null, null, null, null, null, true
from erasure where participant_id = any($1::text[]);

-- name: load_known_accounts
-- The ones of these participants with an account.
select participant_id from account where participant_id = any($1::text[]);

-- name: update_accounts
-- An account linked earlier than the stored one changes nothing.
update account a
set partner = n.partner, verified = n.verified, linked_at = n.linked_at, content_digest = n.content_digest,
    same_identity = n.same_identity, sealed = n.sealed, identity_index = n.identity_index, carried_by = n.carried_by
from unnest($1::text[], $2::text[], $3::bool[], $4::timestamptz[], $5::bytea[], $6::bool[], $7::text[], $8::bytea[], $9::bigint[])
     as n (participant_id, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index, carried_by)
where a.participant_id = n.participant_id and n.linked_at >= a.linked_at;

-- name: load_own_seals_since
-- Seals of records deferred before this time do not hold the fields that stand outside.
select applied_at from migration where component = 'enrollment' and name = 'own_seals';

-- name: has_sealed_accounts
-- Kept, or possibly in a deferred record: only then are keys read to reseal them.
select exists (select from account where sealed <> '') or exists (select from waiting where topic = $1);

-- name: load_kept_accounts
-- By portions; few, since only accounts of refused participants are kept. Those of the erased are empty.
select participant_id, lane, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index, carried_by
from account where sealed <> '' and not starts_with(sealed, $1) and participant_id > $2 order by participant_id limit $3;

-- name: reseal_kept_accounts
-- Except accounts replaced or announced meanwhile.
update account a set sealed = new.sealed from unnest($1::text[], $2::text[], $3::text[]) as new (participant_id, before, sealed)
where a.participant_id = new.participant_id and a.sealed = new.before;
