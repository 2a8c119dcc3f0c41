-- name: insert_appropriations
-- A document gives a component money once.
insert into appropriation (document, component, wave, amount, appropriated_at)
select * from unnest($1::text[], $2::component[], $3::text[], $4::bigint[], $5::timestamptz[])
on conflict do nothing
returning document, component;

-- name: load_appropriations
-- Is a document that comes again the one we know?
select document, component, wave, amount, appropriated_at
from appropriation join unnest($1::text[], $2::component[]) as asked (document, component) using (document, component);

-- name: add_funds
-- The treasury's money is there for every lane to draw.
insert into funds (wave, component, appropriated)
select * from unnest($1::text[], $2::component[], $3::bigint[])
on conflict (wave, component) do update
set appropriated = funds.appropriated + excluded.appropriated,
    overdrawn = greatest(funds.overdrawn - excluded.appropriated, 0);

-- name: lock_funds
-- Locked only when a lane runs short or gives back, always in this order.
select f.wave, f.component, f.appropriated - f.drawn - f.promised as free
from funds f join unnest($1::text[], $2::component[]) as asked (wave, component) using (wave, component)
order by f.component desc, f.wave
for update of f;

-- name: move_funds
-- Drawn by lanes, or given back (negative), which covers first what is overdrawn; the row refuses to be overdrawn further.
update funds f set drawn = f.drawn + moved.amount, overdrawn = greatest(least(f.overdrawn, f.overdrawn + moved.amount), 0)
from unnest($1::text[], $2::component[], $3::bigint[]) as moved (wave, component, amount)
where f.wave = moved.wave and f.component = moved.component;

-- name: open_funds
-- A wave of which nothing but payments is known yet.
insert into funds (wave, component, appropriated) select wave, component, 0 from unnest($1::text[], $2::component[]) as new (wave, component)
on conflict do nothing;

-- name: recount_promised
-- What partners had been told before a restore, and whose rights are still to be read again.
update funds f set promised = (
    select coalesce(sum(a.amount), 0) from attempt a
    where a.adopted and a.keeps_money and a.wave = f.wave and a.component = f.component)
from unnest($1::text[], $2::component[]) as asked (wave, component)
where f.wave = asked.wave and f.component = asked.component;

-- name: load_free_purses
-- Money of these that lies unused, in whatever lane.
select p.lane, p.wave, p.component, p.drawn - p.spent as free
from purse p join unnest($1::text[], $2::component[]) as asked (wave, component) using (wave, component)
where p.drawn > p.spent order by p.lane;

-- name: overdraw_funds
-- The money has gone out already: a partner had been told before a restore, or two persons have confirmed it.
update funds set drawn = drawn + $3, overdrawn = greatest(drawn + $3 - appropriated, 0)
where wave = $1 and component = $2::component returning overdrawn;

-- name: load_funds_views
-- What operators see of the money of each wave: `spent` is with partners or paid, `waiting` is held for want of money.
select f.wave, f.component::text, f.appropriated, coalesce(p.spent, 0)::bigint as spent,
    greatest(f.appropriated - coalesce(p.spent, 0), 0)::bigint as free, f.overdrawn, coalesce(d.amount, 0)::bigint as waiting
from funds f
left join (select wave, component, sum(spent) as spent from purse group by wave, component) as p using (wave, component)
left join (select wave, component, sum(amount) as amount from disbursement where reason = 'no_funds' group by wave, component) as d
    using (wave, component)
order by f.wave, f.component;

-- name: load_purses
-- What lanes may spend at once, and whether older disbursements, or an overdrawn wave, already wait for money there.
select p.lane, p.wave, p.component, coalesce(q.drawn - q.spent, 0) as free,
    exists (select from disbursement d
            where d.lane = p.lane and d.payee = case p.component when 'training' then 'provider'::payee else 'participant' end
              and d.reason = 'no_funds' and d.wave = p.wave and d.component = p.component)
    or exists (select from funds f where f.wave = p.wave and f.component = p.component and f.overdrawn > 0) as queued
from unnest($1::smallint[], $2::text[], $3::component[]) as p (lane, wave, component)
left join purse q on q.lane = p.lane and q.wave = p.wave and q.component = p.component;

-- name: open_purses
-- A lane draws from this wave for the first time.
insert into purse (lane, wave, component, drawn)
select lane, wave, component, 0 from unnest($1::smallint[], $2::text[], $3::component[]) as new (lane, wave, component)
on conflict do nothing;

-- name: move_purses
-- Drawn and spent go up and down; the row refuses to be overspent.
update purse p set drawn = p.drawn + moved.drawn, spent = p.spent + moved.spent
from unnest($1::smallint[], $2::text[], $3::component[], $4::bigint[], $5::bigint[]) as moved (lane, wave, component, drawn, spent)
where p.lane = moved.lane and p.wave = moved.wave and p.component = moved.component;

-- name: load_idle_purses
-- Money that lies unused in these lanes while disbursements of other lanes, or an overdrawn wave, wait for it.
select p.lane, p.wave, p.component, p.drawn - p.spent as free
from purse p
where p.lane = any($1::smallint[]) and p.drawn > p.spent
  and (exists (select from funds f where f.wave = p.wave and f.component = p.component and f.overdrawn > 0) or exists (select from unnest($2::smallint[]) as other (lane)
              where other.lane <> p.lane and exists (
                  select from disbursement d
                  where d.lane = other.lane
                    and d.payee = case p.component when 'training' then 'provider'::payee else 'participant' end
                    and d.reason = 'no_funds' and d.wave = p.wave and d.component = p.component)))
order by p.component desc, p.wave, p.lane;
