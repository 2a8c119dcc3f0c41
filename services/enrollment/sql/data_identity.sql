-- name: load_purchase_digest
-- A purchase that is stored whole, with its keyed digest.
select purchase, content_digest from enrollment where state = 'undecided' limit 1;

-- name: load_recent_pages
-- The latest pages.
select events from page where topic = 'enrollment.events' and not adopted order by said_at desc limit 50;

-- name: load_identity_indexes
-- The keyed index of the NIK of each admitted participant.
select participant_id, identity_index from admission where state = 'admitted' and participant_id = any($1::text[]);

-- name: count_sealed_accounts
-- Accounts that are kept of refused people, by the beginning of the token. Reads the whole table.
select split_part(sealed, '..', 1) as header, count(*)::bigint as number from account where sealed <> '' group by 1;
