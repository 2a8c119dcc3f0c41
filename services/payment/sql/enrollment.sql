-- name: load_known_enrollments
-- As they were confirmed. An enrollment is confirmed once; the same once more changes nothing.
select redeem_code, participant_id, lane, wave, provider_id, clawback_days, benefits from enrollment where redeem_code = any($1::text[]);

-- name: load_enrollments
-- All trainings of these participants, since some benefits fall due with one of them only.
select redeem_code, participant_id, lane, wave, provider_id, clawback_days, benefits, completed_at, completion_noted_at, rated_at,
    voided_at, revoked_at
from enrollment where participant_id = any($1::text[]);

-- name: load_survey_answers
-- Answers to the surveys of these trainings.
select redeem_code, survey, answered_at from survey_answer where redeem_code = any($1::text[]);

-- name: insert_survey_answers
-- The first answer counts.
insert into survey_answer (redeem_code, survey, answered_at, caused_by)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) on conflict do nothing;

-- name: save_annulments
-- Voided, or their completions revoked.
update enrollment e set voided_at = new.voided_at, revoked_at = new.revoked_at,
    void_caused_by = coalesce(e.void_caused_by, new.void), revocation_caused_by = coalesce(e.revocation_caused_by, new.revocation)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[])
    as new (redeem_code, voided_at, revoked_at, void, revocation)
where e.redeem_code = new.redeem_code;

-- name: save_milestones
-- Completions and ratings as they are noted.
update enrollment e
set completed_at = new.completed_at, completion_noted_at = new.completion_noted_at, rated_at = new.rated_at,
    completion_caused_by = coalesce(e.completion_caused_by, new.completion), rating_caused_by = coalesce(e.rating_caused_by, new.rating)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[])
    as new (redeem_code, completed_at, completion_noted_at, rated_at, completion, rating)
where e.redeem_code = new.redeem_code;
