-- name: load_known_accounts
-- Who has linked one before.
select participant_id from account where participant_id = any($1::text[]);

-- name: update_accounts
-- The latest time of linking counts, whenever it arrives.
update account a
set partner = new.partner, account = new.account, verified = new.verified, same_identity = new.same_identity, linked_at = new.linked_at
from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::timestamptz[])
    as new (participant_id, partner, account, verified, same_identity, linked_at)
where a.participant_id = new.participant_id and a.linked_at < new.linked_at;

-- name: load_accounts
-- Where these participants want to be paid.
select participant_id, partner, account, verified, same_identity, linked_at
from account where participant_id = any($1::text[]);
