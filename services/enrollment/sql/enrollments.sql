-- name: load_enrollments
-- All enrollments of these participants: the balance and the previous training follow from them.
select redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code, price, purchased_at,
       ends_at, content_digest, due_at, purchase, trace, course_version, completed_at, rated_at,
       revoked_at, voided_at, void_reason, reopened_at
from enrollment where participant_id = any($1::text[]);

-- name: load_enrollments_by_code
-- The known ones of these redeem codes, whoever bought them.
select redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code, price, purchased_at,
       ends_at, content_digest, due_at, purchase, trace, course_version, completed_at, rated_at,
       revoked_at, voided_at, void_reason, reopened_at
from enrollment where redeem_code = any($1::text[]);

-- name: load_known_enrollments
-- The ones of these that are known already.
select redeem_code from enrollment where redeem_code = any($1::text[]);

-- name: update_enrollments
-- Of enrollments that were undecided; a trigger refuses to change a final one.
update enrollment e
set state = n.state, reason = n.reason, scheme = n.scheme, scheme_version = n.scheme_version, decided_at = $1,
    due_at = n.due_at, purchase = n.purchase, trace = n.trace, course_version = n.course_version, carried_by = n.carried_by
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::bytea[], $9::text[], $10::int[],
            $11::bigint[])
     as n (redeem_code, state, reason, scheme, scheme_version, due_at, purchase, trace, course_version, carried_by)
where e.redeem_code = n.redeem_code;

-- name: mark_milestones
-- The first time of each milestone stays. Returns the enrollments that are known and were confirmed.
update enrollment e
set completed_at = coalesce(e.completed_at, n.completed_at), rated_at = coalesce(e.rated_at, n.rated_at),
    revoked_at = coalesce(e.revoked_at, n.revoked_at)
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
     as n (redeem_code, participant_id, completed_at, rated_at, revoked_at)
where e.redeem_code = n.redeem_code and e.participant_id = n.participant_id and e.state in ('confirmed', 'voided')
returning e.redeem_code, e.scheme;

-- name: mark_reopened
-- Of completed trainings, the first time stays: the deadline for the next purchase runs from then.
update enrollment e set reopened_at = n.reopened_at
from unnest($1::text[], $2::text[], $3::timestamptz[]) as n (redeem_code, participant_id, reopened_at)
where e.redeem_code = n.redeem_code and e.participant_id = n.participant_id and e.completed_at is not null and e.reopened_at is null;

-- name: load_undecided_participants
-- The ones of these participants with an undecided purchase.
select distinct participant_id from enrollment where state = 'undecided' and participant_id = any($1::text[]);

-- name: load_due_participants
-- Participants with an undecided purchase that is due, in these lanes.
select distinct participant_id from enrollment
where state = 'undecided' and lane = any($1::smallint[]) and due_at <= $2 limit $3;
