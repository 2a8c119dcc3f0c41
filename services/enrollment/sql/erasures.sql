-- name: load_erased
-- Those of these participants who were erased.
select participant_id from erasure where participant_id = any($1::text[]);

-- name: insert_erasures
-- A participant is erased once.
insert into erasure (participant_id, lane, erased_at, carried_by)
select * from unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::bigint[]) on conflict do nothing;

-- name: erase_kept_accounts
-- Of these participants; an account that was announced is not kept here.
update account set sealed = '', identity_index = '' where participant_id = any($1::text[]) and sealed <> '';
