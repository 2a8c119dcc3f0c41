-- name: update_disbursements
-- No partner has answered the latest attempt yet.
update disbursement d
set state = new.state, reason = new.reason, attempt = new.attempt, reference = new.reference, partner = new.partner,
    tried_version = new.tried_version, frozen = new.frozen, ask_at = new.ask_at, retry_at = new.retry_at,
    accepted_at = null, settled_at = null, partner_reference = null, changed_at = $12::timestamptz,
    cancelled_at = case when new.state = 'cancelled' then $12::timestamptz end,
    state_carried_by = coalesce(new.carried_by, d.state_carried_by)
from unnest($1::text[], $2::text[], $3::state[], $4::hold_reason[], $5::smallint[], $6::text[], $7::text[], $8::bigint[], $9::boolean[],
    $10::timestamptz[], $11::timestamptz[], $13::bigint[])
    as new (redeem_code, benefit, state, reason, attempt, reference, partner, tried_version, frozen, ask_at, retry_at, carried_by)
where d.redeem_code = new.redeem_code and d.benefit = new.benefit;

-- name: save_answers
-- The partner has accepted the attempt, or settled it.
update disbursement d
set state = new.state, ask_at = new.ask_at, accepted_at = new.accepted_at, settled_at = new.settled_at,
    partner_reference = new.partner_reference, frozen = d.frozen and new.state <> 'settled', changed_at = $8::timestamptz
from unnest($1::text[], $2::text[], $3::state[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[])
    as new (redeem_code, benefit, state, ask_at, accepted_at, settled_at, partner_reference)
where d.redeem_code = new.redeem_code and d.benefit = new.benefit;

-- name: postpone_status_checks
-- Their partners were asked just now.
update disbursement d set ask_at = $3, changed_at = $4
from unnest($1::text[], $2::text[]) as asked (redeem_code, benefit)
where d.redeem_code = asked.redeem_code and d.benefit = asked.benefit;

-- name: load_unpaid
-- Disbursements of these trainings that are not final.
select * from disbursement where redeem_code = any($1::text[]) and state not in ('settled', 'failed', 'cancelled', 'forfeited');

-- name: annul_disbursements
-- Marked, so that a report on them needs no other query.
update disbursement d set annulled = new.annulled, changed_at = $4
from unnest($1::text[], $2::text[], $3::annulment[]) as new (redeem_code, benefit, annulled)
where d.redeem_code = new.redeem_code and d.benefit = new.benefit;

-- name: load_held_views
-- The oldest first; null: for whatever reason, of whatever wave, and to whatever partner they would go.
select due_at, participant_id, redeem_code, benefit, wave, partner, amount, reason::text, frozen, retry_at
from disbursement
where reason is not null and ($1::text is null or reason = $1::hold_reason) and ($2::text is null or wave = $2)
  and ($3::text is null or partner = $3)
order by due_at, redeem_code, benefit limit $4;

-- name: load_grants
-- Grants with these trainings; one that was cancelled before any partner was instructed no longer stands.
select participant_id, redeem_code, benefit, attempt > 0 or cancelled_at is null as stands
from disbursement where redeem_code = any($1::text[]) and payee = 'participant';

-- name: load_held_of_participants
-- An account that was just linked may cure these. One that waits for money keeps its place in the queue.
select d.*
from enrollment e join disbursement d using (redeem_code)
where e.participant_id = any($1::text[]) and d.reason is not null and d.payee = 'participant' and d.reason <> 'no_funds';

-- name: load_retries
-- Queued for the timer `retry`, the oldest first: the reason passes by itself, or a cure waits until all earlier reports
-- are read. One that waits for room at a limited partner is left to that one.
select h.* from disbursement h
where h.lane = any($1::smallint[]) and h.retry_at <= $2 and not (h.reason = 'partner_paused' and h.partner = any($4::text[]))
order by h.due_at, h.redeem_code, h.benefit limit $3;

-- name: postpone_retries
-- From then on they may be tried again, unless they are held for another reason by now.
update disbursement d set retry_at = $4, changed_at = $4
from unnest($1::text[], $2::text[], $3::hold_reason[]) as told (redeem_code, benefit, reason)
where d.redeem_code = told.redeem_code and d.benefit = told.benefit and d.reason = told.reason
returning d.redeem_code;

-- name: load_disbursements
-- As they stand now.
select d.* from disbursement d
join unnest($1::text[], $2::text[]) as asked (redeem_code, benefit) using (redeem_code, benefit);

-- name: load_under_way
-- Disbursements of these trainings at a partner without a final report.
select * from disbursement where redeem_code = any($1::text[]) and state in ('instructed', 'accepted');

-- name: load_disbursement
-- Its lane is known from it, and locked before it is read for a decision.
select * from disbursement where redeem_code = $1 and benefit = $2;

-- name: freeze_disbursements
-- Whatever they were held for. One at a partner stays there, and is held if it is rejected.
update disbursement d
set frozen = true,
    reason = case when d.reason = 'participant_blocked' then d.reason when d.state = 'held' then 'needs_approval'::hold_reason end, retry_at = null, changed_at = $3
from unnest($1::text[], $2::text[]) as doubted (redeem_code, benefit)
where d.redeem_code = doubted.redeem_code and d.benefit = doubted.benefit;

-- name: confirm_disbursement
-- It was paid under this reference, which its partner had rejected.
update disbursement
set state = 'settled', reason = null, frozen = false, retry_at = null, reference = $3, partner = $4,
    settled_at = $5, partner_reference = $6, changed_at = $7
where redeem_code = $1 and benefit = $2;
