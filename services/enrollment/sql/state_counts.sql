-- name: add_to_state_counts
-- The caller has locked the lanes, so no other transaction changes their counts.
insert into tally (lane, state, enrollments) select * from unnest($1::smallint[], $2::text[], $3::bigint[])
on conflict (lane, state) do update set enrollments = tally.enrollments + excluded.enrollments;

-- name: subtract_voided
-- They were counted as confirmed.
update tally t set enrollments = t.enrollments - n.voided
from unnest($1::smallint[], $2::bigint[]) as n (lane, voided) where t.lane = n.lane and t.state = 'confirmed';

-- name: load_state_counts
-- Enrollments by state, for the metrics; the undecided ones are few and have an index.
select state, sum(enrollments)::bigint as enrollments from tally group by state
union all select 'undecided', count(*) from enrollment where state = 'undecided';
