-- name: load_enrollments
-- All enrollments of these people, for the balance and for whose turn it is.
select redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code, price, purchased_at,
       ends_at, content_digest, due_at, purchase, trace, completed_at, rated_at
from enrollment where participant_id = any($1::text[]);

-- name: save_enrollments
-- A new one, or an undecided one that goes on; what is final the trigger keeps.
insert into enrollment (redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code,
                        price, purchased_at, ends_at, decided_at, content_digest, due_at, purchase, trace)
select redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code,
       price, purchased_at, ends_at, $1, content_digest, due_at, purchase, trace
from unnest($2::text[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[], $10::text[],
            $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::bytea[], $15::timestamptz[], $16::bytea[], $17::text[])
     as n (redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id, course_code,
           price, purchased_at, ends_at, content_digest, due_at, purchase, trace)
on conflict (redeem_code) do update
set state = excluded.state, reason = excluded.reason, scheme = excluded.scheme, scheme_version = excluded.scheme_version,
    decided_at = excluded.decided_at, due_at = excluded.due_at, purchase = excluded.purchase, trace = excluded.trace;

-- name: mark_completed
-- The first word counts. Answers which of these enrollments are known, and whose they are.
update enrollment set completed_at = coalesce(completed_at, n.at)
from unnest($1::text[], $2::text[], $3::timestamptz[]) as n (redeem_code, participant_id, at)
where enrollment.redeem_code = n.redeem_code and enrollment.participant_id = n.participant_id and state = 'confirmed'
returning enrollment.redeem_code;

-- name: mark_rated
-- As above; the rating may come first.
update enrollment set rated_at = coalesce(rated_at, n.at)
from unnest($1::text[], $2::text[], $3::timestamptz[]) as n (redeem_code, participant_id, at)
where enrollment.redeem_code = n.redeem_code and enrollment.participant_id = n.participant_id and state = 'confirmed'
returning enrollment.redeem_code;

-- name: undecided_participants
-- Who among these has bought something that is not decided yet.
select distinct participant_id from enrollment where state = 'undecided' and participant_id = any($1::text[]);

-- name: due_participants
-- Whose undecided purchase is due in these lanes.
select distinct participant_id from enrollment
where state = 'undecided' and lane = any($1::smallint[]) and due_at <= $2 limit $3;

-- name: count_up
-- The lane is locked, so its tally is nobody else's.
insert into tally (lane, state, enrollments) select * from unnest($1::smallint[], $2::text[], $3::bigint[])
on conflict (lane, state) do update set enrollments = tally.enrollments + excluded.enrollments;

-- name: count_enrollments
-- Enrollments by state, for the metrics; the undecided are few, and have an index of their own.
select state, sum(enrollments)::bigint as enrollments from tally group by state
union all select 'undecided', count(*) from enrollment where state = 'undecided';
