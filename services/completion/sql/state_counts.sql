-- name: add_to_state_counts
-- The caller has locked the lanes, so no other transaction changes their counts.
insert into tally (lane, state, enrollments) select * from unnest($1::smallint[], $2::enrollment_state[], $3::bigint[])
on conflict (lane, state) do update set enrollments = tally.enrollments + excluded.enrollments;

-- name: take_from_state_counts
-- The caller has locked the lanes, so no other transaction changes their counts.
update tally set enrollments = tally.enrollments - n.enrollments
from unnest($1::smallint[], $2::enrollment_state[], $3::bigint[]) as n (lane, state, enrollments)
where tally.lane = n.lane and tally.state = n.state;

-- name: load_state_counts
-- Enrollments that ever entered each state, for the metrics.
select state, sum(enrollments)::bigint as enrollments from tally group by state;

-- name: count_enrollments_by_state
-- Enrollments in each state now, to compare with the stored counts.
select state, count(*) as enrollments from enrollment group by state;
