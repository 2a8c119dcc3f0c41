-- name: insert_appropriations
-- A document gives a component money once.
insert into appropriation (document, component, wave, amount, appropriated_at)
select * from unnest($1::text[], $2::component[], $3::text[], $4::bigint[], $5::timestamptz[])
on conflict do nothing
returning document, component;

-- name: load_appropriations
-- Compared with a document that comes again.
select document, component, wave, amount, appropriated_at
from appropriation join unnest($1::text[], $2::component[]) as asked (document, component) using (document, component);

-- name: add_funds
-- Rows are written in the order in which funds are locked.
insert into funds (wave, component, appropriated)
select * from unnest($1::text[], $2::component[], $3::bigint[]) as given (wave, component, amount) order by component desc, wave
on conflict (wave, component) do update
set appropriated = funds.appropriated + excluded.appropriated,
    overdrawn = greatest(funds.overdrawn - excluded.appropriated, 0);

-- name: open_funds
-- A wave may have payments, or disbursements that wait, before it is appropriated anything.
insert into funds (wave, component, appropriated)
select wave, component, 0 from unnest($1::text[], $2::component[]) as new (wave, component) order by component desc, wave
on conflict do nothing;

-- name: lock_funds
-- Locked only when a lane runs short, or while money is short; always in this order. Promised and overdrawn money comes first.
select f.wave, f.component, f.appropriated - f.returned - f.drawn - f.promised as free,
       f.short or f.appropriated - f.returned - f.drawn < f.promised as short
from funds f join unnest($1::text[], $2::component[]) as asked (wave, component) using (wave, component)
order by f.component desc, f.wave
for update of f;

-- name: update_shortage_flags
-- The rows are locked by everyone who joins or leaves their queues, so the flag is committed together with the queue.
update funds f set short = not f.short
from unnest($1::text[], $2::component[]) as asked (wave, component)
where f.wave = asked.wave and f.component = asked.component
  and f.short <> exists (select from disbursement d
                         where d.reason = 'no_funds' and d.wave = asked.wave and d.component = asked.component);

-- name: load_payable_funds
-- Short funds that have money.
select wave, component, appropriated - returned - drawn - promised as free
from funds where short and appropriated - returned - drawn > promised;

-- name: load_queue
-- In order of age over all lanes; a portion of the index.
select due_at, redeem_code, benefit, lane, amount
from disbursement
where reason = 'no_funds' and wave = $1 and component = $2::component
  and (due_at, redeem_code, benefit) > ($3::timestamptz, $4::text, $5::text)
order by due_at, redeem_code, benefit limit $6;

-- name: allot_funds
-- Negative: returned, which covers first what is overdrawn. A check of the table refuses to overdraw a fund further.
update funds f set drawn = f.drawn + moved.amount, overdrawn = greatest(least(f.overdrawn, f.overdrawn + moved.amount), 0)
from unnest($1::text[], $2::component[], $3::bigint[]) as moved (wave, component, amount)
where f.wave = moved.wave and f.component = moved.component;

-- name: recount_promised
-- Instructed before a restore, and the disbursements not yet read again.
update funds f set promised = (
    select coalesce(sum(a.amount), 0) from attempt a
    where a.adopted and a.keeps_money and a.wave = f.wave and a.component = f.component)
from unnest($1::text[], $2::component[]) as asked (wave, component)
where f.wave = asked.wave and f.component = asked.component;

-- name: overdraw_funds
-- The money has been paid already: instructed before a restore, or confirmed by two persons.
update funds set drawn = drawn + $3, overdrawn = greatest(drawn + $3 + returned - appropriated, 0)
where wave = $1 and component = $2::component returning overdrawn;

-- name: load_funds_views
-- `spent` is at partners or paid, `returned` is the treasury's again, `waiting` is held for want of money.
select f.wave, f.component::text, f.appropriated, coalesce(p.spent, 0)::bigint as spent, f.returned,
    greatest(f.appropriated - f.returned - coalesce(p.spent, 0), 0)::bigint as free, f.overdrawn,
    coalesce(d.amount, 0)::bigint as waiting, c.cut_off_at
from funds f
left join (select wave, component, sum(spent) as spent from purse group by wave, component) as p using (wave, component)
left join (select wave, component, sum(amount) as amount from disbursement where reason = 'no_funds' group by wave, component) as d
    using (wave, component)
left join cut_off c on c.wave = f.wave and c.lane = 0
order by f.wave, f.component;

-- name: load_allotments
-- Read without a lock. It is no use while the fund is short, or has less left than it promised.
select p.lane, p.wave, p.component, coalesce(q.drawn - q.spent, 0) as free,
       coalesce(f.short or f.appropriated - f.returned - f.drawn < f.promised, false) as short
from unnest($1::smallint[], $2::text[], $3::component[]) as p (lane, wave, component)
left join purse q on q.lane = p.lane and q.wave = p.wave and q.component = p.component
left join funds f on f.wave = p.wave and f.component = p.component;

-- name: open_allotments
-- A lane is allotted money of this fund for the first time.
insert into purse (lane, wave, component, drawn)
select lane, wave, component, 0 from unnest($1::smallint[], $2::text[], $3::component[]) as new (lane, wave, component)
on conflict do nothing;

-- name: update_allotments
-- Unless an allotment holds less now than was read; a check of the table refuses to overspend it.
update purse p set drawn = p.drawn + moved.drawn, spent = p.spent + moved.spent
from unnest($1::smallint[], $2::text[], $3::component[], $4::bigint[], $5::bigint[]) as moved (lane, wave, component, drawn, spent)
where p.lane = moved.lane and p.wave = moved.wave and p.component = moved.component
  and p.drawn + moved.drawn >= p.spent + moved.spent
returning p.lane;

-- name: load_funds_with_idle_allotments
-- Money is short, or less than is promised, and allotments hold some of it unused.
select distinct f.wave, f.component
from funds f join purse p on p.wave = f.wave and p.component = f.component
where (f.short or f.appropriated - f.returned - f.drawn < f.promised) and p.drawn > p.spent;

-- name: lock_idle_allotments
-- The funds are locked. An allotment in use is skipped: its lane would wait for us, and we for it.
select p.lane, p.wave, p.component, p.drawn - p.spent as free
from purse p join unnest($1::text[], $2::component[]) as asked (wave, component) using (wave, component)
where p.drawn > p.spent
for update of p skip locked;

-- name: load_funds_past_cut_off
-- Cleared in all lanes, and holding more in fund and allotments than what is promised, or frozen for a person to look at.
select f.wave, f.component
from funds f
cross join lateral (select coalesce(sum(p.drawn - p.spent), 0) as idle
                    from purse p where p.wave = f.wave and p.component = f.component) as allotments
where f.appropriated - f.returned - f.drawn + idle > f.promised
  and exists (select from cut_off c where c.wave = f.wave)
  and not exists (select from cut_off c where c.wave = f.wave and not c.cleared)
  and f.appropriated - f.returned - f.drawn + idle - f.promised > (
      select coalesce(sum(d.amount), 0) from disbursement d
      where d.lane = any($1::smallint[]) and d.reason is not null and d.frozen and d.wave = f.wave and d.component = f.component);

-- name: return_unspent
-- The funds are locked. What may still be confirmed of frozen disbursements stays.
with unspent as (
    select f.wave, f.component, f.appropriated - f.returned - f.drawn - f.promised - (
        select coalesce(sum(d.amount), 0) from disbursement d
        where d.lane = any($3::smallint[]) and d.reason is not null and d.frozen and d.wave = f.wave and d.component = f.component)::bigint as amount
    from funds f join unnest($1::text[], $2::component[]) as asked (wave, component) using (wave, component))
update funds f set returned = f.returned + u.amount
from unspent u where f.wave = u.wave and f.component = u.component and u.amount > 0
returning f.wave, f.component, u.amount;
