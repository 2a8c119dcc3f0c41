-- name: holds_unlike_blocks
-- I4: what is held is held for the block exactly while its participant is blocked.
select d.redeem_code, d.benefit, d.reason
from disbursement d
where d.state = 'held'
  and (d.reason = 'participant_blocked') <> coalesce(
      (select b.blocked from block b
       where b.participant_id = d.participant_id order by b.at desc, b.blocked desc limit 1), false);

-- name: instructed_while_blocked
-- I4: no instruction follows a block in the ledger of its lane until a later unblock is read, not counting those of before
-- a restore, the confirmed, and double payments.
select a.reference
from block b join transfer t on t.lane = b.lane and t.number > b.ledger_number
                     and t.debit ^@ 'clearing:' and t.credit ^@ 'reserved:'
    join attempt a on a.reference = t.reference and not a.adopted
    join disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit)
                       and d.participant_id = b.participant_id
where b.blocked
  and not exists (select from block later
                  where later.participant_id = b.participant_id and later.ledger_number < t.number
                    and (later.at, later.blocked) > (b.at, b.blocked))
  and not exists (select from confirmation c where c.reference = a.reference)
  and not exists (select from money_claim c where c.reference = a.reference and c.reason = 'contradicted');

-- name: cash_without_claim
-- I3: cash that was paid at or after a block is claimed back while the block lasts.
select distinct d.redeem_code, d.benefit, d.reference
from disbursement d join block b using (participant_id)
where d.state = 'settled' and d.payee = 'participant' and b.blocked and d.settled_at >= b.at
  and not exists (select from block u where u.participant_id = b.participant_id and not u.blocked and u.at > b.at)
  and not exists (select from money_claim c where c.reference = d.reference and c.state <> 'withdrawn');

-- name: claims_without_block
-- I7: a claim for a block is open only while the block lasts during which the cash was paid.
select c.reference, c.number
from money_claim c
where c.state = 'open' and c.reason = 'blocked' and not exists (
    select from block b
    where b.participant_id = c.participant_id and b.blocked and b.at <= c.opened_at
      and not exists (select from block u where u.participant_id = b.participant_id and not u.blocked and u.at > b.at));
