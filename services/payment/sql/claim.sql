-- name: load_payments
-- What was paid of these trainings.
select * from disbursement where redeem_code = any($1::text[]) and state = 'settled';

-- name: load_claims
-- All claims on these references, withdrawn ones included. A disbursement may have been paid under another reference since.
select c.number, c.reason as claim_reason, c.opened_at, c.due_at, c.state as claim_state, c.document, a.reference as claimed_reference,
    a.partner as claimed_partner, a.number as claimed_attempt, d.*
from money_claim c join attempt a using (reference) join disbursement d on (d.redeem_code, d.benefit) = (c.redeem_code, c.benefit)
where c.reference = any($1::text[]) order by c.reference, c.number;

-- name: load_open_block_claims
-- An unblock withdraws them.
select c.number, c.reason as claim_reason, c.opened_at, c.due_at, c.state as claim_state, c.document, a.reference as claimed_reference,
    a.partner as claimed_partner, a.number as claimed_attempt, d.*
from money_claim c join attempt a using (reference) join disbursement d on (d.redeem_code, d.benefit) = (c.redeem_code, c.benefit)
where c.participant_id = any($1::text[]) and c.state = 'open' and c.reason = 'blocked' order by c.reference;

-- name: load_open_double_claims
-- A return of these disbursements withdraws them.
select c.number, c.reason as claim_reason, c.opened_at, c.due_at, c.state as claim_state, c.document, a.reference as claimed_reference,
    a.partner as claimed_partner, a.number as claimed_attempt, d.*
from unnest($1::text[], $2::text[]) as returned (redeem_code, benefit)
join disbursement d using (redeem_code, benefit)
join money_claim c on c.participant_id = d.participant_id and (c.redeem_code, c.benefit) = (d.redeem_code, d.benefit)
join attempt a on a.reference = c.reference
where c.state = 'open' and c.reason = 'contradicted' order by c.reference;

-- name: load_double_payments
-- Paid under another reference as well, by the reports of its partner, and not yet claimed. Two persons who approved an
-- attempt after such a report have said that it was not paid.
select distinct on (c.reference) c.reported_at as paid_at, d.settled_at as also_paid_at, c.reference as claimed_reference,
    c.partner as claimed_partner, a.number as claimed_attempt, d.*
from unnest($1::text[], $2::text[]) as paid (redeem_code, benefit)
join disbursement d using (redeem_code, benefit)
join contradiction c on (c.redeem_code, c.benefit) = (d.redeem_code, d.benefit) and c.reference <> d.reference
join attempt a on a.reference = c.reference and (a.partner, a.amount) = (c.partner, c.amount)
where d.state = 'settled' and c.status = 'settled' and a.returned_at is null
  and not exists (select from approval p where (p.redeem_code, p.benefit) = (c.redeem_code, c.benefit) and p.attempt > c.attempt)
  and not exists (select from money_claim m where m.reference = c.reference and m.state <> 'withdrawn')
order by c.reference, c.noted_at;

-- name: close_claims
-- Repaid, as a document shows, or withdrawn.
update money_claim c set state = new.state, document = new.document, closed_at = $5, closing_carried_by = new.carried_by
from unnest($1::text[], $2::smallint[], $3::claim_state[], $4::text[], $6::bigint[])
    as new (reference, number, state, document, carried_by)
where c.reference = new.reference and c.number = new.number;

-- name: insert_claims
-- The index refuses a second one on a reference, unless the first was withdrawn.
insert into money_claim (reference, number, redeem_code, benefit, participant_id, lane, amount, debtor, reason, opened_at, due_at,
    carried_by)
select * from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::payee[],
    $9::claim_reason[], $10::timestamptz[], $11::timestamptz[], $12::bigint[]);
