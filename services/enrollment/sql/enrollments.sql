-- name: load_enrollments
-- All enrollments of these people, for the balance and for whose turn it is.
select redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code, price, purchased_at,
       ends_at, content_digest, due_at, purchase, trace, completed_at, rated_at
from enrollment where participant_id = any($1::text[]);

-- name: load_known_enrollments
-- Which of these are there already.
select redeem_code from enrollment where redeem_code = any($1::text[]);

-- name: update_enrollments
-- An undecided one goes on; what is final the trigger keeps.
update enrollment e
set state = n.state, reason = n.reason, scheme = n.scheme, scheme_version = n.scheme_version, decided_at = $1,
    due_at = n.due_at, purchase = n.purchase, trace = n.trace
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::bytea[], $9::text[])
     as n (redeem_code, state, reason, scheme, scheme_version, due_at, purchase, trace)
where e.redeem_code = n.redeem_code;

-- name: mark_milestones
-- The first word counts; the rating may come first. Answers which of these enrollments are known, and whose they are.
update enrollment e set completed_at = coalesce(e.completed_at, n.completed_at), rated_at = coalesce(e.rated_at, n.rated_at)
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) as n (redeem_code, participant_id, completed_at, rated_at)
where e.redeem_code = n.redeem_code and e.participant_id = n.participant_id and e.state = 'confirmed'
returning e.redeem_code;

-- name: load_undecided_participants
-- Who among these has bought something that is not decided yet.
select distinct participant_id from enrollment where state = 'undecided' and participant_id = any($1::text[]);

-- name: load_due_participants
-- Whose undecided purchase is due in these lanes.
select distinct participant_id from enrollment
where state = 'undecided' and lane = any($1::smallint[]) and due_at <= $2 limit $3;

-- name: add_to_state_counts
-- The lane is locked, so its tally is nobody else's.
insert into tally (lane, state, enrollments) select * from unnest($1::smallint[], $2::text[], $3::bigint[])
on conflict (lane, state) do update set enrollments = tally.enrollments + excluded.enrollments;

-- name: load_state_counts
-- Enrollments by state, for the metrics; the undecided are few, and have an index of their own.
select state, sum(enrollments)::bigint as enrollments from tally group by state
union all select 'undecided', count(*) from enrollment where state = 'undecided';
