-- name: update_state_counts
-- Counted as they change, so that the whole table never has to be. A row that exists already is not inserted first.
with moves as (
    select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
        as m (lane, state, partner, benefit, reason, disbursements, rupiah)),
known as (
    update tally t set disbursements = t.disbursements + m.disbursements, rupiah = t.rupiah + m.rupiah from moves m
    where (t.lane, t.state, t.partner, t.benefit, t.reason) = (m.lane, m.state, m.partner, m.benefit, m.reason)
    returning t.lane, t.state, t.partner, t.benefit, t.reason)
insert into tally (lane, state, partner, benefit, reason, disbursements, rupiah)
select * from moves m
where (m.lane, m.state, m.partner, m.benefit, m.reason) not in (select * from known);

-- name: load_state_counts
-- Over all lanes.
select state, partner, benefit, reason, sum(disbursements)::bigint as disbursements, sum(rupiah)::bigint as rupiah
from tally group by state, partner, benefit, reason;

-- name: load_oldest_held
-- The oldest of each lane, payee and reason stands first in the index.
select t.benefit, t.reason, min(oldest.due_at) as due_at
from (select distinct lane, benefit, reason from tally where state = 'held' and disbursements > 0) as t
cross join lateral (
    select d.due_at from disbursement d
    where d.lane = t.lane and d.reason = t.reason::hold_reason and d.benefit = t.benefit
      and d.payee = case t.benefit when 'fee' then 'provider'::payee else 'participant' end
    order by d.due_at limit 1) as oldest
group by t.benefit, t.reason;

-- name: load_oldest_at_partners
-- Status checks name all disbursements at partners, and few others.
select d.state, d.partner, d.benefit, min(d.due_at) as due_at
from reminder r cross join unnest(r.redeem_codes) as named (redeem_code)
join disbursement d on d.redeem_code = named.redeem_code and d.state in ('instructed', 'accepted')
group by d.state, d.partner, d.benefit;
