-- name: load_purchase_digest
-- Purchases that are kept whole, with the keyed digest of each.
select purchase, content_digest from enrollment where state = 'undecided' limit 1;

-- name: load_recent_pages
-- What was announced of late.
select events from page where topic = 'enrollment.events' and not adopted order by said_at desc limit 50;

-- name: load_identity_indexes
-- The keyed index of the NIK under which each was admitted.
select participant_id, identity_index from admission where state = 'admitted' and participant_id = any($1::text[]);

-- name: is_sealed_under
-- Does an account that is kept rest under this key, or something wait that upstream has sealed with it? Asked only after
-- a key was taken out of its set, since it reads whole tables.
select exists (select from account where starts_with(sealed, $1))
    or exists (select from waiting
               where position(convert_to($1, 'UTF8') in decode(convert_from(record, 'UTF8')::json ->> 'value', 'base64')) > 0);
