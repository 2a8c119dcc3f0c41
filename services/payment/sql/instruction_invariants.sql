-- name: reported_settled_twice
-- I2, I10: at most one payment of each disbursement, by the reports of partners, parked ones included. A parked one
-- counts no more once two persons have approved another attempt, which says that it was not paid, nor once its money
-- came back.
with parked as (
    select c.redeem_code, c.benefit, c.reference, c.partner from contradiction c join attempt a using (reference)
    where c.status = 'settled' and (a.returned_at is null or c.partner <> a.partner)
      and not exists (select from money_claim m
                      where m.reference = c.reference and m.reason = 'contradicted' and m.state = 'repaid')
      and not exists (select from approval a
                      where (a.redeem_code, a.benefit) = (c.redeem_code, c.benefit) and a.attempt > c.attempt))
select redeem_code, benefit, string_agg(reference || ' by ' || partner, ', ' order by reference, partner) as payments
from (select redeem_code, benefit, reference, partner from parked
      union
      select redeem_code, benefit, d.reference, d.partner from disbursement d join parked using (redeem_code, benefit)
      where d.state = 'settled') as said
group by redeem_code, benefit having count(*) > 1;

-- name: reported_settled_of_failed
-- I10: nothing fails, is cancelled or forfeited whose payment a partner reports, unless two persons approved another
-- attempt since.
select c.redeem_code, c.benefit, c.reference, d.state
from contradiction c join disbursement d using (redeem_code, benefit) join attempt t on t.reference = c.reference
where d.state in ('failed', 'cancelled', 'forfeited') and c.status = 'settled' and t.returned_at is null
  and not exists (select from approval a
                  where (a.redeem_code, a.benefit) = (c.redeem_code, c.benefit)
                    and a.attempt > c.attempt and a.second <> '');

-- name: unfrozen_contradictions
-- I10: a contradicted disbursement is frozen, or final.
select c.redeem_code, c.benefit, c.reference, c.status
from contradiction c join disbursement d using (redeem_code, benefit)
where d.state not in ('settled', 'failed', 'cancelled', 'forfeited') and not d.frozen
  and not exists (select from approval a
                  where (a.redeem_code, a.benefit) = (c.redeem_code, c.benefit) and a.attempt > c.attempt);

-- name: unfrozen_reviews
-- I10: so is one that was rejected with a reason that a person must review.
select d.redeem_code, d.benefit, a.reason from disbursement d join attempt a on a.reference = d.reference
where d.reason is not null and a.reason = any($1::text[]) and not d.frozen;

-- name: unapproved_attempts
-- I10: after either, another attempt takes an approval; one that was instructed before a restore takes none.
with doubt as (
    select redeem_code, benefit, number as attempt from attempt where reason = any($1::text[])
    union select redeem_code, benefit, attempt from contradiction)
select distinct a.reference
from doubt join attempt a using (redeem_code, benefit) join disbursement d using (redeem_code, benefit)
where a.number > doubt.attempt and not a.adopted
  and not exists (select from approval p
                  where (p.redeem_code, p.benefit) = (a.redeem_code, a.benefit)
                    and p.attempt > doubt.attempt and p.attempt <= a.number
                    and (p.attempt < a.number
                         or (p.amount, p.partner) = (a.amount, a.partner)
                            and (a.number < d.attempt or p.account_version in (0, d.tried_version)))
                    and (p.second is not null or p.account_version = 0));

-- name: instructions_unlike_ledger
-- I10: partners were instructed as the disbursements say.
select a.reference
from attempt a left join disbursement d using (redeem_code, benefit)
where a.redeem_code is not null
  and (d.redeem_code is null or d.amount <> a.amount
       or (d.reference = a.reference and d.partner <> a.partner and d.state not in ('held', 'cancelled', 'forfeited')));

-- name: instructions_without_disbursement
-- I10: instructed before a restore, and no event tells the fund; or all is read again, and no disbursement is paid by
-- it.
select a.reference from attempt a join lane l using (lane)
where a.redeem_code is null and (a.wave is null or l.catching_up_since is null);

-- name: approvals_without_operation
-- I10: who approved stands in the sealed log as well. Those that a migration noted have no account version and no
-- second person; the log is older than they are.
select a.redeem_code, a.benefit, a.attempt
from approval a
where (a.account_version <> 0 or a.second is not null)
  and not exists (select from operation o
                  where o.verb = 'approve' and o.who = coalesce(a.second, a.who) and o.detail ->> 'first' = a.who
                    and o.detail @> jsonb_build_object(
                        'redeem_code', a.redeem_code, 'benefit', a.benefit, 'attempt', a.attempt, 'amount', a.amount,
                        'partner', a.partner, 'account_version', a.account_version));

-- name: confirmations_without_operation
-- I10: so does who confirmed.
select c.reference
from confirmation c
where not exists (select from operation o
                  where o.verb = 'confirm' and o.who = c.second and o.detail ->> 'first' = c.who
                    and o.detail @> jsonb_build_object(
                        'redeem_code', c.redeem_code, 'benefit', c.benefit, 'reference', c.reference));
