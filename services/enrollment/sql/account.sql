-- name: load_accounts
-- The account each of these people linked last.
select participant_id, lane, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index
from account where participant_id = any($1::text[]);

-- name: load_known_accounts
-- Who has linked one before.
select participant_id from account where participant_id = any($1::text[]);

-- name: update_accounts
-- Only what was linked later replaces.
update account a
set partner = n.partner, verified = n.verified, linked_at = n.linked_at, content_digest = n.content_digest,
    same_identity = n.same_identity, sealed = n.sealed, identity_index = n.identity_index
from unnest($1::text[], $2::text[], $3::bool[], $4::timestamptz[], $5::bytea[], $6::bool[], $7::text[], $8::bytea[])
     as n (participant_id, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index)
where a.participant_id = n.participant_id and n.linked_at >= a.linked_at;
