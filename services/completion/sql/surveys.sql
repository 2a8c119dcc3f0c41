-- name: insert_surveys
-- The first answer to each survey stands, unless its event was revoked; those that are returned are new.
insert into survey (participant_id, survey, redeem_code, source, id, answered_at, seen_at)
select n.*, $7 from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
    as n (participant_id, survey, redeem_code, source, id, answered_at)
where not exists (select from revocation r where r.redeem_code = n.redeem_code and not r.on_attendance
    and r.source = n.source and r.id = n.id)
on conflict (participant_id, survey) do nothing
returning participant_id, survey, redeem_code, source, id, answered_at;

-- name: load_surveys_of_participant
-- For the audit trail of one participant.
select participant_id, survey, redeem_code, source, id, answered_at, seen_at from survey
where participant_id = $1 order by survey;

-- name: load_surveys_without_enrollment
-- Surveys that name no confirmed enrollment of their participant; there must be none.
select participant_id, survey from survey s
where not exists (select from enrollment e where e.redeem_code = s.redeem_code and e.participant_id = s.participant_id
    and e.state <> 'rejected');
