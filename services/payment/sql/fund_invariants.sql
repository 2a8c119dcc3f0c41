-- name: unspent_past_cut_off
-- I8: past the cut-off of a wave no more money is left than is promised, or frozen, once nothing has moved for a while.
select f.wave, f.component, f.appropriated - f.returned - f.drawn - f.promised + idle - frozen as unspent
from funds f
cross join lateral (select coalesce(sum(p.drawn - p.spent), 0)::bigint as idle
                    from purse p where p.wave = f.wave and p.component = f.component) as allotments
cross join lateral (select coalesce(sum(d.amount) filter (where d.state = 'held' and d.frozen), 0)::bigint as frozen,
                           max(d.changed_at) filter (where d.state in ('forfeited', 'cancelled')) as ended_at
                    from disbursement d where d.wave = f.wave and d.component = f.component) as disbursements
cross join lateral (select max(t.at) as moved_at
                    from transfer t where t.wave = f.wave and t.component = f.component) as ledgers
where f.appropriated - f.returned - f.drawn - f.promised + idle > frozen
  and (select bool_and(c.cleared) from cut_off c where c.wave = f.wave)
  and greatest(ended_at, moved_at, (select max(c.passed_at) from cut_off c where c.wave = f.wave))
      < (select max(said_at) from page) - $1::interval;

-- name: fund_differences
-- I8: a fund has allotted what its lanes were allotted, was appropriated what the documents say, and no more is
-- instructed.
select f.wave, f.component, f.drawn as allotted, in_lanes, f.appropriated, in_documents, instructed, f.overdrawn
from funds f
cross join lateral (select coalesce(sum(p.drawn), 0)::bigint as in_lanes
                    from purse p where p.wave = f.wave and p.component = f.component) as lanes
cross join lateral (select coalesce(sum(a.amount), 0)::bigint as in_documents
                    from appropriation a where a.wave = f.wave and a.component = f.component) as documents
cross join lateral (select coalesce(sum(amount), 0)::bigint as instructed
                    from (select d.amount from disbursement d
                          where d.wave = f.wave and d.component = f.component
                            and d.state in ('instructed', 'accepted', 'settled')
                          union all
                          select c.amount from money_claim c join disbursement d using (redeem_code, benefit)
                          where d.wave = f.wave and d.component = f.component
                            and c.reason = 'contradicted' and c.state <> 'withdrawn') as paid) as disbursements
where f.drawn <> in_lanes or f.appropriated <> in_documents or f.appropriated + f.overdrawn < f.returned + instructed;

-- name: overdrawn_funds
-- I8: overdrawn by payments instructed before a restore, confirmed, or paid twice. They are named until the fund has
-- money.
with told as (
    select d.wave, d.component, a.reference,
           sum(a.amount) over (partition by d.wave, d.component order by a.instructed_at desc, a.reference)
           - a.amount as younger
    from attempt a join disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit)
        left join money_claim m on m.reference = a.reference and m.reason = 'contradicted' and m.state <> 'withdrawn'
    where m.reference is not null
       or d.reference = a.reference and d.state in ('instructed', 'accepted', 'settled')
          and (a.adopted or exists (select from confirmation c where c.reference = a.reference)))
select f.wave, f.component, f.overdrawn,
       coalesce(string_agg(t.reference, ', ' order by t.reference), 'of unknown references') as references
from funds f left join told t on t.wave = f.wave and t.component = f.component and t.younger < f.overdrawn
where f.overdrawn > 0 group by f.wave, f.component, f.overdrawn;

-- name: kept_money_differences
-- I8: a fund keeps the money that adopted attempts keep until their disbursements are read again, and has it.
with kept as (
    select wave, component, sum(amount) as amount, string_agg(reference, ', ' order by reference) as references
    from attempt where adopted and keeps_money group by wave, component)
select f.wave, f.component, f.promised, f.appropriated - f.returned - f.drawn as there,
       coalesce(k.references, 'no instruction') as references
from funds f left join kept k using (wave, component)
where f.promised <> coalesce(k.amount, 0) or f.promised > greatest(f.appropriated - f.returned - f.drawn, 0);

-- name: short_mark_differences
-- I8: a fund is marked short exactly while a disbursement waits for its money; unmarked, it would pay younger ones
-- first.
select coalesce(f.wave, q.wave) as wave, coalesce(f.component, q.component) as component,
       coalesce(q.waiting, 0) as waiting
from (select wave, component, count(*) as waiting
      from disbursement where reason = 'no_funds' group by wave, component) as q
full join (select wave, component from funds where short) as f using (wave, component)
where f.wave is null or q.wave is null;

-- name: money_without_funds
-- I8: nothing is instructed of a wave that was appropriated nothing.
select distinct d.wave, d.component
from disbursement d
where d.state in ('instructed', 'accepted', 'settled')
  and not exists (select from funds f where f.wave = d.wave and f.component = d.component);
