-- name: load_enrollments
-- Enrollments and their rules, to check evidence by.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest, reopened_at
from enrollment where redeem_code = any($1::text[]);

-- name: load_enrollments_of_participant
-- For the audit trail of one participant, oldest first.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest, reopened_at
from enrollment where participant_id = $1 order by known_at, redeem_code;

-- name: save_outcomes
-- Makes open enrollments final; one that is not returned was not open.
update enrollment set state = n.state, decided_at = $1, completed_at = n.completed_at, digest = n.digest, carried_by = n.carried_by
from unnest($2::text[], $3::enrollment_state[], $4::timestamptz[], $5::bytea[], $6::bigint[])
    as n (redeem_code, state, completed_at, digest, carried_by)
where enrollment.redeem_code = n.redeem_code and enrollment.state = 'open'
returning enrollment.redeem_code;

-- name: revoke_completions
-- Revokes completions; one that is not returned had none.
update enrollment set state = 'revoked', revocation_carried_by = n.carried_by
from unnest($1::text[], $2::bigint[]) as n (redeem_code, carried_by)
where enrollment.redeem_code = n.redeem_code and enrollment.state = 'completed' returning enrollment.redeem_code;

-- name: note_void_causes
-- The first events that void enrollments which are open, or were not completed in time.
update enrollment set void_caused_by = n.caused_by from unnest($1::text[], $2::bigint[]) as n (redeem_code, caused_by)
where enrollment.redeem_code = n.redeem_code and enrollment.state in ('open', 'not_completed') and void_caused_by is null;

-- name: is_voided
-- Of one enrollment, also if it was voided after its rejection.
select void_caused_by is not null from enrollment where redeem_code = $1;

-- name: reopen_completions
-- Completes enrollments that were not completed in time; those that are returned were.
update enrollment set state = 'completed', reopened_at = n.reopened_at, completed_at = n.completed_at, digest = n.digest,
    reopening_carried_by = n.carried_by
from unnest($1::text[], $2::timestamptz[], $3::bytea[], $4::bigint[], $5::timestamptz[])
    as n (redeem_code, completed_at, digest, carried_by, reopened_at)
where enrollment.redeem_code = n.redeem_code and enrollment.state = 'not_completed'
returning enrollment.redeem_code;

-- name: load_open_enrollments
-- The open ones of these enrollments.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest, reopened_at
from enrollment where redeem_code = any($1::text[]) and state = 'open';

-- name: load_next_enrollments
-- All enrollments by portions, for the invariants.
select redeem_code, participant_id, lane, state, provider_id, scheme, scheme_version, rule, completed_at, digest, reopened_at
from enrollment where redeem_code > $1 order by redeem_code limit $2;

-- name: load_reopened_without_persons
-- Reopened enrollments for which the log names no two persons; there must be none. Adopted ones are left out: a restore
-- has forgotten who did it.
select redeem_code from enrollment e
where reopened_at is not null
    and not exists (select from operation o where o.verb = 'reopen' and o.detail ->> 'redeem_code' = e.redeem_code
        and o.detail ->> 'first' <> o.who)
    and not exists (select from remembered r where r.key = e.redeem_code and r.type like '%.completion_confirmed.v1')
order by redeem_code;
