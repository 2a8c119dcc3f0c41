-- name: select_first_surveys
-- Of these answers, in their order, the first to each survey that has none, unless its event was revoked.
select distinct on (n.participant_id, n.survey) n.participant_id, n.survey, n.redeem_code, n.source, n.id, n.answered_at
from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]) with ordinality
    as n (participant_id, survey, redeem_code, source, id, answered_at, place)
where not exists (select from survey s where s.participant_id = n.participant_id and s.survey = n.survey)
    and not exists (select from revocation r where r.redeem_code = n.redeem_code and not r.on_attendance
        and r.source = n.source and r.id = n.id)
order by n.participant_id, n.survey, n.place;

-- name: load_surveys_of_participant
-- For the audit trail of one participant.
select participant_id, survey, redeem_code, source, id, answered_at, seen_at from survey
where participant_id = $1 order by survey;

-- name: load_surveys_without_enrollment
-- Surveys that name no confirmed enrollment of their participant; there must be none.
select participant_id, survey from survey s
where not exists (select from enrollment e where e.redeem_code = s.redeem_code and e.participant_id = s.participant_id
    and e.state <> 'rejected');
