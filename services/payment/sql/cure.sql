-- name: load_cured_by_newer_account
-- The provider has registered a newer account than the one tried last. A participant's is used as soon as it is linked.
select h.* from disbursement h
where h.lane = any($1::smallint[]) and h.payee = 'provider' and h.reason = any($3::hold_reason[]) and h.retry_at is null
  and exists (select from provider p where p.provider_id = h.provider_id and p.version > h.tried_version)
order by h.due_at, h.redeem_code, h.benefit limit $2;

-- name: load_cured_by_fewer_people
-- Others have linked other accounts by now, and this one was not tried before.
select h.* from disbursement h join account a using (participant_id)
where h.lane = any($1::smallint[]) and h.payee = 'participant' and h.reason = any($3::hold_reason[]) and h.retry_at is null
  and h.tried_version < (extract(epoch from a.linked_at) * 1000000)::bigint
  and (select count(*) from account o where o.account_index = a.account_index) <= $4
order by h.due_at, h.redeem_code, h.benefit limit $2;

-- name: load_cured_by_kept_money
-- Instructed before a restore, as far as a row can tell, so its money is kept. The constant makes it use the index of the queue.
select distinct on (h.due_at, h.redeem_code, h.benefit) h.*
from attempt a join disbursement h
    on h.reason = 'no_funds' and (h.wave, h.component, h.lane, h.amount) = (a.wave, a.component, a.lane, a.amount)
where a.adopted and a.keeps_money and h.lane = any($1::smallint[]) and h.reason = any($3::hold_reason[])
order by h.due_at, h.redeem_code, h.benefit limit $2;

-- name: load_cured_by_resume
-- No halt is left that holds it, its lane has caught up, and every instruction given before a restore is known to pay
-- something else.
select h.* from disbursement h
where h.lane = any($1::smallint[]) and h.reason = any($3::hold_reason[]) and h.retry_at is null
  and h.lane not in (select lane from lane where catching_up_since is not null)
  and not exists (select from halt where scope in ('all', h.partner, 'wave:' || h.wave))
  and not exists (select from attempt a
                  where a.redeem_code is null and a.wave is null and coalesce(a.component = h.component, true))
order by h.due_at, h.redeem_code, h.benefit limit $2;

-- name: load_cured_by_partner_change
-- The provider's account is at another partner by now than the halted one.
select h.* from disbursement h
where h.lane = any($1::smallint[]) and h.payee = 'provider' and h.reason = any($3::hold_reason[]) and h.retry_at is null
  and h.partner in (select scope from halt)
  and h.partner <> (select p.partner from provider p where p.provider_id = h.provider_id order by p.version desc limit 1)
order by h.due_at, h.redeem_code, h.benefit limit $2;

-- name: load_cured_by_approval
-- Operators have approved the next attempt. After a restore an approval may be lost: what may have been instructed is tried.
select h.* from disbursement h
where h.lane = any($1::smallint[]) and h.reason = any($3::hold_reason[]) and h.retry_at is null
  and (exists (select from approval a
               where (a.redeem_code, a.benefit, a.attempt) = (h.redeem_code, h.benefit, h.attempt + 1))
       or exists (select from attempt t
                  where t.redeem_code is null and (t.lane, t.amount) = (h.lane, h.amount)
                    and coalesce(t.wave = h.wave, true) and coalesce(t.component = h.component, true)))
order by h.due_at, h.redeem_code, h.benefit limit $2;
