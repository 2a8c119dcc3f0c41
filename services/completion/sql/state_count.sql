-- name: add_to_state_counts
-- The lane is locked, so its tally is nobody else's.
insert into tally (lane, state, enrollments) select * from unnest($1::smallint[], $2::enrollment_state[], $3::bigint[])
on conflict (lane, state) do update set enrollments = tally.enrollments + excluded.enrollments;

-- name: load_state_counts
-- How many ever came to be in each state, for the metrics.
select state, sum(enrollments)::bigint as enrollments from tally group by state;

-- name: count_enrollments_by_state
-- How many are in each state now: what the tally must agree with.
select state, count(*) as enrollments from enrollment group by state;
