-- name: load_attempts_with_disbursements
-- By reference. The state of a disbursement's latest attempt stands in the disbursement.
select a.reference as attempt_reference, a.lane as attempt_lane, a.partner as attempt_partner, a.amount as attempt_amount,
    a.account, a.instructed_at, a.answer_by, a.redeem_code as attempt_redeem_code, a.benefit as attempt_benefit, a.number,
    a.accepted_at as attempt_accepted_at, a.settled_at as attempt_settled_at, a.rejected_at, a.returned_at, a.reason as attempt_reason,
    a.partner_reference as attempt_partner_reference, a.account_version, a.asked_at, a.not_found_at, d.*
from attempt a left join disbursement d on d.redeem_code = a.redeem_code and d.benefit = a.benefit
where a.reference = any($1::text[]);

-- name: insert_adopted_attempts
-- Instructions found in our own topics after a restore; known attempts stay as they are.
insert into attempt (reference, lane, partner, amount, account, instructed_at, answer_by, component, adopted)
select *, true from unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                           $8::component[])
on conflict do nothing returning reference;

-- name: update_announced_attempts
-- From payment.events of adopted attempts: the fund that pays them, if their money may still be out, and the account they went to.
update attempt a
set wave = new.wave, component = new.component, keeps_money = new.keeps_money,
    account_version = coalesce(new.account_version, a.account_version)
from unnest($1::text[], $2::text[], $3::component[], $4::boolean[], $5::bigint[])
    as new (reference, wave, component, keeps_money, account_version)
where a.reference = new.reference and a.adopted and a.redeem_code is null;

-- name: attach_adopted_attempts
-- The disbursement that an adopted attempt pays has been read again and is instructed as it was.
update attempt a
set redeem_code = new.redeem_code, benefit = new.benefit, number = new.number, keeps_money = false,
    instructed_at = new.instructed_at, answer_by = new.answer_by
from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::timestamptz[])
    as new (reference, redeem_code, benefit, number, instructed_at, answer_by)
where a.reference = new.reference and a.redeem_code is null;

-- name: save_verdicts
-- Rejected or returned for ever; the reason, and the reports before it, are kept with the attempt, those of a rejection for ever too.
update attempt a
set accepted_at = coalesce(a.accepted_at, new.accepted_at), settled_at = new.settled_at, rejected_at = new.rejected_at,
    returned_at = new.returned_at, reason = new.reason, not_found_at = new.not_found_at,
    partner_reference = coalesce(a.partner_reference, new.partner_reference),
    rejection_carried_by = case when new.returned_at is null then new.carried_by else a.rejection_carried_by end,
    return_carried_by = case when new.returned_at is not null then new.carried_by end
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::text[], $8::text[], $9::bigint[])
    as new (reference, accepted_at, settled_at, rejected_at, returned_at, not_found_at, reason, partner_reference, carried_by)
where a.reference = new.reference;

-- name: save_asked
-- Their partners were asked for their status just now.
update attempt set asked_at = $2 where reference = any($1::text[]);

-- name: save_repeated
-- The instruction was sent again, since its partner does not know it: the next `not_found` counts after another request.
update attempt a set asked_at = null, not_found_at = new.not_found_at
from unnest($1::text[], $2::timestamptz[]) as new (reference, not_found_at)
where a.reference = new.reference;
