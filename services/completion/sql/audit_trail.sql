-- name: load_enrollment_views
-- When the enrollments of a participant became known, and were decided.
select redeem_code, known_at, decided_at from enrollment where participant_id = $1;
