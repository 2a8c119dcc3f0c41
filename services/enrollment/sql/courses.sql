-- name: insert_courses
-- A version is approved once; the first event stays.
insert into course (course_code, version, provider_id, modes, price_at_most, hours)
select course_code, version, provider_id, string_to_array(modes, ','), price_at_most, hours
from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::int[])
     as n (course_code, version, provider_id, modes, price_at_most, hours)
on conflict do nothing;

-- name: load_courses
-- All versions of these courses; few have more than one.
select course_code, version, provider_id, modes, price_at_most, hours from course where course_code = any($1::text[]);

-- name: load_participants_with_course
-- Participants whose undecided purchase lacked an approval that has come since, in these lanes.
select distinct e.participant_id from enrollment e join course c using (course_code)
where e.state = 'undecided' and e.reason = 'course_not_approved' and e.lane = any($1::smallint[]) limit $2;
