-- name: save_accounts
-- The latest time of linking counts, whenever it arrives.
insert into account (participant_id, lane, partner, account, verified, same_identity, linked_at)
select * from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::timestamptz[])
on conflict (participant_id) do update
set partner = excluded.partner, account = excluded.account, verified = excluded.verified,
    same_identity = excluded.same_identity, linked_at = excluded.linked_at
where account.linked_at < excluded.linked_at;

-- name: load_accounts
-- Where these participants want to be paid.
select participant_id, partner, account, verified, same_identity, linked_at
from account where participant_id = any($1::text[]);
