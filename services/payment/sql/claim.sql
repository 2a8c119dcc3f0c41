-- name: load_payments
-- What was paid of these trainings.
select * from disbursement where redeem_code = any($1::text[]) and state = 'settled';

-- name: load_claims
-- All claims on these references, withdrawn ones included.
select c.number, c.reason as claim_reason, c.opened_at, c.due_at, c.state as claim_state, c.document, d.*
from money_claim c join disbursement d using (redeem_code, benefit)
where c.reference = any($1::text[]) order by c.reference, c.number;

-- name: load_open_block_claims
-- An unblock withdraws them.
select c.number, c.reason as claim_reason, c.opened_at, c.due_at, c.state as claim_state, c.document, d.*
from money_claim c join disbursement d using (redeem_code, benefit)
where c.participant_id = any($1::text[]) and c.state = 'open' and c.reason = 'blocked' order by c.reference;

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
