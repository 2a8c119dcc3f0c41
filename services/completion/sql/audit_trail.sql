-- name: load_enrollment_views
-- When the enrollments of a participant became known and were decided, and the numbers of the events about them.
select redeem_code, known_at, decided_at, caused_by, void_caused_by, carried_by, reopening_carried_by, revocation_carried_by,
    (select v.carried_by from evidence v where v.redeem_code = e.redeem_code and v.kind = 'training_rated') as rating_carried_by,
    o.detail ->> 'first' as reopened_by_first, o.who as reopened_by_second
from enrollment e
left join operation o on e.reopened_at is not null and o.verb = 'reopen' and o.detail ->> 'redeem_code' = e.redeem_code
    and o.detail ? 'first'
where e.participant_id = $1;

-- name: load_survey_views
-- The numbers of the events that announced a participant's surveys.
select survey, carried_by from survey where participant_id = $1;
