-- name: open_partner_use
-- Before a limited partner is instructed for the first time.
insert into partner_use (partner, rate_used_until, day, rupiah) values ($1, $2, $3, 0) on conflict do nothing;

-- name: lock_partner_use
-- One transaction at a time takes room of a partner, so that no limit is exceeded.
select rate_used_until, day, rupiah from partner_use where partner = $1 for update;

-- name: count_in_flight
-- By the state counts. What was instructed before a restore and is not read again yet counts too.
select (select coalesce(sum(disbursements), 0) from tally where state in ('instructed', 'accepted') and partner = $1)
     + (select count(*) from attempt where redeem_code is null and partner = $1 and settled_at is null and rejected_at is null) as in_flight;

-- name: update_partner_use
-- Under the lock.
update partner_use set rate_used_until = $2, day = $3, rupiah = $4 where partner = $1;

-- name: load_paused
-- What waits for room at a partner, the oldest first over all lanes that go on; one that failed before, from its `retry_at` on.
-- One that is larger than the limit of a day waits for a higher limit, and keeps nothing else waiting.
select d.due_at, d.redeem_code, d.benefit, d.lane, d.amount from disbursement d
where d.reason = 'partner_paused' and d.partner = $1 and (d.retry_at is null or d.retry_at <= $2) and d.amount <= $3
  and d.lane not in (select lane from lane where stopped_reason is not null or catching_up_since is not null)
order by d.due_at, d.redeem_code, d.benefit limit $4;

-- name: load_unlimited
-- Its partner has no limits any more; or it was instructed before a restore, as far as a row can tell, and has its room.
(select d.* from disbursement d
 where d.reason = 'partner_paused' and d.partner = any($2::text[]) and d.lane = any($1::smallint[]) and d.retry_at is null
 order by d.due_at, d.redeem_code, d.benefit limit $3)
union all
(select d.* from disbursement d
 where d.reason = 'partner_paused' and d.partner <> all($2::text[]) and d.lane = any($1::smallint[])
   and exists (select from attempt a
               where a.redeem_code is null and (a.lane, a.amount) = (d.lane, d.amount)
                 and coalesce(a.wave = d.wave, true) and coalesce(a.component = d.component, true))
 order by d.due_at, d.redeem_code, d.benefit limit $3);

-- name: sum_instructed
-- Of these, what was instructed to this partner just now; the others have another obstacle.
select count(*)::int as disbursements, coalesce(sum(d.amount), 0)::bigint as rupiah
from disbursement d join unnest($2::text[], $3::text[]) as asked (redeem_code, benefit) using (redeem_code, benefit)
where d.state = 'instructed' and d.partner = $1;
