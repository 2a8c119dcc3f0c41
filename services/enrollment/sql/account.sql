-- name: load_accounts
-- The account each of these people linked last.
select participant_id, lane, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index
from account where participant_id = any($1::text[]);

-- name: save_accounts
-- Only what was linked later replaces.
insert into account (participant_id, lane, partner, verified, linked_at, content_digest, same_identity, sealed, identity_index)
select * from unnest($1::text[], $2::smallint[], $3::text[], $4::bool[], $5::timestamptz[], $6::bytea[], $7::bool[],
                     $8::text[], $9::bytea[])
on conflict (participant_id) do update
set partner = excluded.partner, verified = excluded.verified, linked_at = excluded.linked_at,
    content_digest = excluded.content_digest, same_identity = excluded.same_identity, sealed = excluded.sealed,
    identity_index = excluded.identity_index
where excluded.linked_at >= account.linked_at;
