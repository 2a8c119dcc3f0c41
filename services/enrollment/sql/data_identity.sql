-- name: load_purchase_digest
-- A purchase that is stored whole, with its keyed digest.
select purchase, content_digest from enrollment where state = 'undecided' limit 1;

-- name: load_recent_pages
-- The latest pages.
select events from page where topic = 'enrollment.events' and not adopted order by said_at desc limit 50;

-- name: load_identity_indexes
-- The keyed index of the NIK of each admitted participant.
select participant_id, identity_index from admission where state = 'admitted' and participant_id = any($1::text[]);

-- name: is_sealed_under
-- Tells if a kept account or a deferred record is sealed under this key. Asked only after a key was removed from its set,
-- since it reads whole tables.
select exists (select from account where starts_with(sealed, $1))
    or exists (select from waiting
               where position(convert_to($1, 'UTF8') in decode(convert_from(record, 'UTF8')::json ->> 'value', 'base64')) > 0);
