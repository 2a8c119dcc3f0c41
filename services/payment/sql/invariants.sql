-- name: entitlements_without_disbursement
-- I3: a disbursement exists from the moment its benefit is earned. A benefit had once may have fallen due with another
-- training, and does so again if it was cancelled before any partner was instructed, unless its participant was erased.
with missing as (
    select e.participant_id, e.redeem_code, p ->> 'benefit' as benefit, (p ->> 'first_training_only')::boolean as once
    from enrollment e cross join lateral json_array_elements(e.benefits) as p
        left join survey_answer a on a.redeem_code = e.redeem_code and a.survey = p ->> 'milestone'
    where e.completed_at is not null and e.voided_at is null and e.revoked_at is null and p ->> 'months_after' is null
      and case p ->> 'milestone' when 'completed' then true
                                 when 'rated' then e.rated_at is not null else a.survey is not null end
      and not exists (select from disbursement d where d.redeem_code = e.redeem_code and d.benefit = p ->> 'benefit'))
select participant_id, redeem_code, benefit from missing where not once
union all
select participant_id, min(redeem_code), benefit from missing m
where once and not exists (
    select from disbursement d
    where d.participant_id = m.participant_id and d.benefit = m.benefit and (d.attempt > 0 or d.cancelled_at is null))
  and not exists (select from erasure x where x.participant_id = m.participant_id)
group by participant_id, benefit;

-- name: deferred_completions
-- I3: a completion whose enrollment does not come. Measured by the time of the latest event, whatever clock that came
-- from.
select key from waiting
where kind = 'enrollment' and since < (select max(said_at) from page) - $1::interval;

-- name: monthly_incentives_lost
-- I3: of a series that stands, each incentive after the first is to come, or has fallen due with this training or
-- another.
select d.participant_id, d.redeem_code, p ->> 'benefit' as benefit
from disbursement d join enrollment e using (redeem_code) cross join lateral json_array_elements(e.benefits) as p
where d.benefit = 'incentive_1' and (d.attempt > 0 or d.cancelled_at is null) and p ->> 'months_after' is not null
  and e.voided_at is null and e.revoked_at is null
  and not exists (select from monthly_due m where m.redeem_code = d.redeem_code and m.benefit = p ->> 'benefit')
  and not exists (select from disbursement o
                  where o.participant_id = d.participant_id and o.benefit = p ->> 'benefit'
                    and (o.redeem_code = d.redeem_code or o.attempt > 0 or o.cancelled_at is null));

-- name: monthly_incentives_overdue
-- I3: none is forgotten. Measured by the time of the latest event, as above.
select redeem_code, benefit from monthly_due where due_at < (select max(said_at) from page) - $1::interval;

-- name: disbursements_without_entitlement
-- I4: nothing is paid that was not promised, in another amount, or before its milestone.
with promised as (
    select e.redeem_code, e.participant_id, e.provider_id, e.completed_at, e.rated_at, p ->> 'benefit' as benefit,
           (p ->> 'amount')::bigint as amount, p ->> 'milestone' as milestone
    from enrollment e cross join lateral json_array_elements(e.benefits) as p)
select d.redeem_code, d.benefit
from disbursement d left join promised p using (redeem_code, benefit)
    left join survey_answer a on a.redeem_code = d.redeem_code and a.survey = p.milestone
where p.amount is null or p.amount <> d.amount or p.completed_at is null
   or (d.participant_id, d.provider_id) <> (p.participant_id, p.provider_id)
   or (p.milestone = 'rated' and p.rated_at is null)
   or (p.milestone not in ('completed', 'rated') and a.survey is null);

-- name: monthly_incentives_early
-- I4: an incentive after the first falls due in its month, counted in Jakarta, and with the training that earned the
-- first.
with series as (
    select d.redeem_code, d.benefit, d.due_at, (p ->> 'months_after')::int as months,
           case p ->> 'milestone' when 'rated' then greatest(e.completed_at, e.rated_at)
                                  else e.completed_at end as reached_at
    from disbursement d join enrollment e using (redeem_code) cross join lateral json_array_elements(e.benefits) as p
    where d.payee = 'participant' and p ->> 'benefit' = d.benefit and p ->> 'months_after' is not null)
select redeem_code, benefit from series s
where due_at < (reached_at at time zone interval '7 hours' + make_interval(months => months))
               at time zone interval '7 hours'
   or not exists (select from disbursement f where f.redeem_code = s.redeem_code and f.benefit = 'incentive_1');

-- name: paid_before_completion
-- I4: nothing is instructed whose completion is not noted. Times are not compared: a clock may have been set back.
select a.reference
from attempt a left join enrollment e using (redeem_code)
where a.redeem_code is not null and e.completion_noted_at is null;

-- name: settled_twice
-- I2: each disbursement is paid once at most, by the transfers, not counting what was returned, or is claimed as a
-- double payment.
select a.redeem_code, a.benefit
from transfer t join attempt a using (reference)
    left join money_claim c on c.reference = t.reference and c.reason = 'contradicted' and c.state <> 'withdrawn'
where c.reference is null
  and (t.debit ^@ 'paid:' and t.credit ^@ 'clearing:' or t.debit ^@ 'clearing:' and t.credit ^@ 'paid:')
group by a.redeem_code, a.benefit having sum(case when t.debit ^@ 'paid:' then 1 else -1 end) > 1;

-- name: benefits_twice
-- I2: a participant has each benefit once, with whatever training, not counting one cancelled before any partner was
-- instructed.
select participant_id, benefit from disbursement
where payee = 'participant' and (attempt > 0 or cancelled_at is null)
group by participant_id, benefit having count(*) > 1;

-- name: states_without_reason
-- I7: the state of a disbursement follows from its latest attempt.
select d.redeem_code, d.benefit, d.state
from disbursement d left join attempt a on a.reference = d.reference
    left join confirmation c on c.reference = d.reference
where not case
    when d.attempt = 0 then d.state in ('held', 'cancelled', 'forfeited')
    when c.reference is not null and (d.state = 'settled' or a.returned_at is not null)
        then (a.redeem_code, a.benefit) = (d.redeem_code, d.benefit) and a.rejected_at is not null
             and (a.returned_at is null) = (d.state = 'settled')
             and d.state in ('settled', 'held', 'failed', 'cancelled', 'forfeited')
    when a.reference is null
         or (a.redeem_code, a.benefit, a.number) is distinct from (d.redeem_code, d.benefit, d.attempt) then false
    when a.rejected_at is not null or a.returned_at is not null
        then d.state in ('held', 'failed', 'cancelled', 'forfeited')
    when d.settled_at is not null then d.state = 'settled'
    when d.accepted_at is not null then d.state = 'accepted'
    else d.state = 'instructed' end;

-- name: missing_status_checks
-- I7: a disbursement at a partner has a status check.
select redeem_code, d.benefit from disbursement d
join (select redeem_code, partner from disbursement where state in ('instructed', 'accepted')
      except select unnest(redeem_codes), partner from reminder) as forgotten using (redeem_code, partner)
where d.state in ('instructed', 'accepted');

-- name: attempts_without_verdict
-- I7: another attempt follows only a rejection or a return, and no number is left out.
select d.redeem_code, d.benefit
from disbursement d join attempt a on a.redeem_code = d.redeem_code and a.benefit = d.benefit
group by d.redeem_code, d.benefit, d.attempt
having count(*) <> d.attempt
    or count(*) filter (where a.rejected_at is null and a.returned_at is null and a.number < d.attempt) > 0;

-- name: balances
-- I1, I8, I9: balances of the accounts of each wave and component, by the transfers.
select wave, component::text, account::text, sum(amount)::bigint as balance
from (select wave, component, debit as account, amount from transfer
      union all select wave, component, credit, -amount from transfer) as sides
group by wave, component, account;

-- name: balances_by_rows
-- I1, I8, I9: balances of the same accounts, by the other tables. A double payment is posted with its claim, and
-- nowhere else.
select wave, component::text, account, sum(amount)::bigint as balance
from (
    select wave, component, 'treasury' as account, -amount as amount from appropriation
    union all select wave, component, 'appropriation', appropriated - returned - drawn from funds
    union all select wave, component, 'returned', returned from funds
    union all select wave, component, 'reserved:' || component, drawn - spent from purse
    union all
    select wave, component, 'clearing:' || partner, amount from disbursement where state in ('instructed', 'accepted')
    union all
    select wave, component, 'paid:' || split_part(benefit, '_', 1), amount from disbursement where state = 'settled'
    union all
    select d.wave, d.component, side.account, side.amount
    from money_claim c join disbursement d using (redeem_code, benefit)
    cross join lateral (values ('paid:' || split_part(c.benefit, '_', 1), -c.amount),
                               (case c.state when 'open' then 'claims' else 'returned' end, c.amount))
        as side (account, amount)
    where c.state <> 'withdrawn' and (c.reason <> 'contradicted' or side.amount > 0)
) as rows
group by wave, component, account;

-- name: annulled_and_going
-- I4: what is annulled is marked, and is held for nobody but a person.
select d.redeem_code, d.benefit, d.state
from disbursement d join enrollment e using (redeem_code)
where (e.voided_at is not null or e.revoked_at is not null)
  and (d.state in ('held', 'instructed', 'accepted') and d.annulled is null or d.state = 'held' and not d.frozen);

-- name: erased_and_going
-- I4: what is unpaid with the trainings of an erased participant is marked, and is held for nobody but a person.
select d.redeem_code, d.benefit, d.state
from erasure x join enrollment e using (participant_id) join disbursement d using (redeem_code)
where x.erased_at is not null
  and (d.state in ('held', 'instructed', 'accepted') and d.annulled is null or d.state = 'held' and not d.frozen);

-- name: instructed_while_erased
-- I4: no instruction follows an erasure in the ledger of its lane, not counting those of before a restore, the
-- confirmed, and double payments.
select a.reference
from erasure x join transfer t on t.lane = x.lane and t.number > x.ledger_number
                     and t.debit ^@ 'clearing:' and t.credit ^@ 'reserved:'
    join attempt a on a.reference = t.reference and not a.adopted
    join disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit)
                       and d.participant_id = x.participant_id
where not exists (select from confirmation c where c.reference = a.reference)
  and not exists (select from money_claim c where c.reference = a.reference and c.reason = 'contradicted');

-- name: accounts_of_the_erased
-- I14: no key and no account number of an erased participant is left, but with attempts at a partner.
select x.participant_id from erasure x left join personal_key k on k.person = x.participant_id
where k.person is null or k.secret is not null
union
select x.participant_id from erasure x join account a using (participant_id) where a.account <> ''
union
select x.participant_id
from erasure x join enrollment e using (participant_id) join disbursement d using (redeem_code)
    join attempt a on a.redeem_code = d.redeem_code and a.benefit = d.benefit
where x.erased_at is not null and d.payee = 'participant' and a.account <> ''
  and (a.reference <> d.reference or d.state not in ('instructed', 'accepted'));

-- name: payments_without_claim
-- I3: what was paid of an annulled training is claimed back, or repaid.
select d.redeem_code, d.benefit, d.reference
from disbursement d join enrollment e using (redeem_code)
where d.state = 'settled' and (e.voided_at is not null or e.revoked_at is not null)
  and not exists (select from money_claim c where c.reference = d.reference and c.state <> 'withdrawn');

-- name: claims_unlike_payments
-- I7: a claim is on what was paid under its reference, or was paid besides; an open one on a payment that was not
-- returned.
select c.reference, c.number
from money_claim c left join attempt a on a.reference = c.reference
    left join disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit)
where (d.redeem_code, d.benefit, d.participant_id, d.payee, a.amount)
      is distinct from (c.redeem_code, c.benefit, c.participant_id, c.debtor, c.amount)
   or case when c.reason <> 'contradicted'
               then c.state <> 'withdrawn' and (d.reference <> c.reference or d.state <> 'settled')
           else c.state = 'open' and (d.reference = c.reference or d.state <> 'settled') end;

-- name: double_payments_without_claim
-- I3: what was paid besides, by the report of the partner that it was instructed to, is claimed back, or repaid.
select d.redeem_code, d.benefit, c.reference
from contradiction c join disbursement d using (redeem_code, benefit)
    join attempt a on (a.reference, a.partner, a.amount) = (c.reference, c.partner, c.amount)
where d.state = 'settled' and c.status = 'settled' and c.reference <> d.reference and a.returned_at is null
  and not exists (select from approval p
                  where (p.redeem_code, p.benefit) = (c.redeem_code, c.benefit) and p.attempt > c.attempt)
  and not exists (select from money_claim m where m.reference = c.reference and m.state <> 'withdrawn');

-- name: held_past_cut_off
-- I7: past the cut-off of a wave nothing is held in a lane that is cleared but what is frozen, and that for a person to
-- look at.
select d.redeem_code, d.benefit, d.reason
from cut_off c join disbursement d using (wave, lane)
where c.cleared and d.state = 'held' and not (d.frozen and d.reason in ('needs_approval', 'participant_blocked'));

-- name: instructed_past_cut_off
-- I4: no instruction follows a cut-off in the ledger of its lane, not counting those of before a restore, the
-- confirmed, and double payments.
select a.reference
from cut_off c join transfer t on t.lane = c.lane and t.wave = c.wave and t.number > c.ledger_number
                     and t.debit ^@ 'clearing:' and t.credit ^@ 'reserved:'
    join attempt a on a.reference = t.reference and not a.adopted
where not exists (select from confirmation o where o.reference = a.reference)
  and not exists (select from money_claim m where m.reference = a.reference and m.reason = 'contradicted');

-- name: forfeited_early
-- I3: nothing is forfeited before the cut-off of its wave, or in a wave that has none.
select d.redeem_code, d.benefit
from disbursement d
where d.state = 'forfeited'
  and not exists (select from cut_off c where c.wave = d.wave and c.lane = d.lane and c.cut_off_at <= d.changed_at);

-- name: open_legs
-- I9: the legs of each clearing account.
select d.wave, d.component, d.partner, d.reference, d.amount
from disbursement d where d.state in ('instructed', 'accepted') order by d.reference;

-- name: ledgers_without_end
-- I11: no transfer stands after the head of its ledger, and no ledger is without a head.
select t.lane, t.number from transfer t left join book b using (lane) where b.lane is null or t.number > b.number;

-- name: state_count_differences
-- I7: the state counts equal those of the table.
select coalesce(t.lane, d.lane) as lane, coalesce(t.state, d.state) as state, coalesce(t.benefit, d.benefit) as benefit
from (select * from tally where disbursements <> 0 or rupiah <> 0) as t
full join (select lane, state::text, coalesce(partner, '') as partner, benefit, coalesce(reason::text, '') as reason,
           count(*) as disbursements, sum(amount)::bigint as rupiah
           from disbursement group by 1, 2, 3, 4, 5) as d
    on (t.lane, t.state, t.partner, t.benefit, t.reason) = (d.lane, d.state, d.partner, d.benefit, d.reason)
where (t.disbursements, t.rupiah) is distinct from (d.disbursements, d.rupiah);
