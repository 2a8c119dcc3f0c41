-- name: load_enrollments
-- Whose evidence this is, and the rule to judge it by.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest
from enrollment where redeem_code = any($1::text[]);

-- name: load_enrollments_of_participant
-- For the trail of one person, oldest first.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest
from enrollment where participant_id = $1 order by known_at, redeem_code;

-- name: save_outcomes
-- From open to what is final; fewer rows than asked for mean that one was decided twice.
update enrollment set state = n.state, decided_at = $1, completed_at = n.completed_at, digest = n.digest
from unnest($2::text[], $3::enrollment_state[], $4::timestamptz[], $5::bytea[]) as n (redeem_code, state, completed_at, digest)
where enrollment.redeem_code = n.redeem_code and enrollment.state = 'open'
returning enrollment.redeem_code;

-- name: load_open_enrollments
-- Of these, what is not decided yet.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest
from enrollment where redeem_code = any($1::text[]) and state = 'open';

-- name: load_next_enrollments
-- All enrollments, a portion at a time, for those who check them.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest
from enrollment where redeem_code > $1 order by redeem_code limit $2;
