-- name: load_account_view
-- What an operator may see of an account: never the account.
select partner, verified, same_identity, linked_at from account where participant_id = $1;

-- name: load_enrollment_views
-- What a participant has been promised, and what was reached.
select redeem_code, wave, provider_id, completed_at, completion_noted_at, is_first, rated_at
from enrollment where participant_id = $1 order by redeem_code;

-- name: load_disbursement_views
-- All disbursements of a participant's trainings, the provider's fees included.
select d.redeem_code, d.benefit, d.lane, d.wave, d.payee, d.amount, d.due_at, d.state, d.reason, d.attempt, d.reference,
    d.partner, d.approved, d.look_again_at, d.changed_at
from enrollment e join disbursement d using (redeem_code)
where e.participant_id = $1 order by d.due_at, d.redeem_code, d.benefit;

-- name: load_attempt_views
-- What partners were told and what they answered. References are asked for by their derivation, since only they are indexed.
select reference, redeem_code, benefit, number, partner, amount, instructed_at, answer_by, accepted_at, settled_at,
    rejected_at, reason, partner_reference
from attempt where reference = any($1::text[]) order by number;

-- name: load_transfer_views
-- The time narrows the search to a few blocks of the books.
select lane, number, wave, component, debit, credit, amount, reference, at
from transfer where reference = any($1::text[]) and at between $2 and $3 order by lane, number;
