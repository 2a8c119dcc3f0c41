-- name: insert_said
-- Taken over after a restore; the first word stands.
insert into said (redeem_code, type, data)
select * from unnest($1::text[], $2::text[], $3::bytea[]) on conflict do nothing;

-- name: load_said
-- What was said about these enrollments by a self that a restore has forgotten.
select redeem_code, type, data from said where redeem_code = any($1::text[]);
