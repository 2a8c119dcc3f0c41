-- name: load_account_view
-- Never the account number.
select partner, verified, same_identity, linked_at, caused_by from account where participant_id = $1;

-- name: load_enrollment_views
-- Trainings of a participant, with their milestones, what they promise, and the cut-off of their wave.
select e.redeem_code, e.wave, e.provider_id, e.completed_at, e.completion_noted_at, e.rated_at, e.voided_at, e.revoked_at, e.benefits,
    c.cut_off_at, c.passed_at as cut_off_passed_at, e.caused_by, e.completion_caused_by, e.rating_caused_by, e.void_caused_by,
    e.revocation_caused_by, e.scheme, e.scheme_version
from enrollment e left join cut_off c using (wave, lane) where e.participant_id = $1 order by e.redeem_code;

-- name: load_survey_answer_views
-- Of all these trainings.
select redeem_code, survey, answered_at, caused_by from survey_answer where redeem_code = any($1::text[]) order by survey;

-- name: load_monthly_due_views
-- Of all these trainings, what is to fall due.
select redeem_code, benefit, due_at from monthly_due where redeem_code = any($1::text[]) order by due_at, benefit;

-- name: load_disbursement_views
-- All disbursements of a participant's trainings, the provider's fees included.
select d.redeem_code, d.benefit, d.lane, d.wave, d.payee, d.provider_id, d.amount, d.due_at, d.state, d.reason, d.attempt, d.reference,
    d.partner, d.frozen, d.annulled, d.cancelled_at, coalesce(d.ask_at, d.retry_at) as look_again_at, d.changed_at, d.carried_by, d.state_carried_by,
    case d.state when 'forfeited' then c.cut_off_at end as cut_off_at
from enrollment e join disbursement d using (redeem_code) left join cut_off c on (c.wave, c.lane) = (d.wave, d.lane)
where e.participant_id = $1 order by d.due_at, d.redeem_code, d.benefit;

-- name: load_attempt_views
-- References are derived by the caller, since only they are indexed.
select a.reference, a.redeem_code, a.benefit, a.number, a.partner, a.amount, a.instructed_at, a.answer_by,
    coalesce(d.accepted_at, a.accepted_at) as accepted_at, coalesce(d.settled_at, a.settled_at) as settled_at, a.rejected_at,
    a.returned_at, a.not_found_at, a.reason, coalesce(d.partner_reference, a.partner_reference) as partner_reference,
    a.carried_by, a.rejection_carried_by, a.return_carried_by
from attempt a left join disbursement d on d.redeem_code = a.redeem_code and d.benefit = a.benefit and d.reference = a.reference
where a.reference = any($1::text[]) order by a.number;

-- name: load_answer_views
-- The events that announced that these references were accepted or settled, in order. The times narrow the search to a few blocks.
select asked.reference, a.at, a.first_number + event.place - 1 as number
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as asked (reference, since, until)
join announced_answer a on a.lane = $4 and a.at between asked.since and asked.until and asked.reference = any(a.answered)
cross join lateral unnest(a.answered) with ordinality as event (reference, place)
where event.reference = asked.reference order by number;

-- name: load_contradiction_views
-- Of all these trainings.
select redeem_code, benefit, reference, partner, status, amount, nullif(reason, '') as reason, partner_reference, reported_at, noted_at
from contradiction where redeem_code = any($1::text[]) order by noted_at, reference;

-- name: load_block_views
-- All blocks and unblocks in order of time; of two at the same time the block counts, and is the later.
select at, blocked, caused_by from block where participant_id = $1 order by at, blocked;

-- name: load_erasure_view
-- Of a participant who was erased.
select erased_at, caused_by from erasure where participant_id = $1;

-- name: load_claim_views
-- Of these trainings, or all: open ones first, and of these the one that is due first.
select c.reference || '-' || c.number as claim, c.state::text, c.debtor::text,
    case c.debtor when 'provider' then d.provider_id else c.participant_id end as debtor_id, c.redeem_code, c.benefit, d.wave, a.partner,
    c.amount, c.reason::text, c.opened_at, c.due_at, c.document, c.closed_at, c.carried_by, c.closing_carried_by
from money_claim c join attempt a using (reference) join disbursement d on (d.redeem_code, d.benefit) = (c.redeem_code, c.benefit)
where $1::text[] is null or c.redeem_code = any($1)
order by c.state, c.due_at, c.reference, c.number;

-- name: load_approval_views
-- Of all these trainings, with the operators.
select redeem_code, benefit, attempt, amount, partner, who, second, at from approval where redeem_code = any($1::text[]) order by attempt;

-- name: load_confirmation_views
-- Of all these trainings, with the two persons.
select redeem_code, benefit, reference, who, second, at from confirmation where redeem_code = any($1::text[]) order by at;

-- name: load_hold_views
-- Of all these trainings, in order.
select redeem_code, benefit, reason, partner, held_at, carried_by from hold where redeem_code = any($1::text[]) order by held_at;

-- name: load_transfer_views
-- The time narrows the search to a few blocks of the ledger.
select lane, number, wave, component, debit, credit, amount, reference, at
from transfer where reference = any($1::text[]) and at between $2 and $3 order by lane, number;
