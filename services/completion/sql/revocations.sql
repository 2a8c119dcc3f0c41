-- name: load_revocations
-- All revocations of these enrollments, in the order in which they were accepted.
select redeem_code, on_attendance, source, id, reason, revoked_at, ends_completion, seen_at from revocation
where redeem_code = any($1::text[]) order by seen_at, revoked_at, source, id;
