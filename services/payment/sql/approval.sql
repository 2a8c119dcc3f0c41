-- name: load_approvals
-- Approvals of attempts that are still to be made.
select a.redeem_code, a.benefit, a.attempt, a.amount, a.partner, a.account_version, a.account_index,
    a.second is not null as by_two
from approval a join unnest($1::text[], $2::text[], $3::smallint[]) as asked (redeem_code, benefit, attempt)
    using (redeem_code, benefit, attempt);

-- name: save_approval
-- The lane is locked, so no batch plans this attempt meanwhile.
insert into approval (redeem_code, benefit, attempt, amount, partner, account_version, account_index, who, second, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (redeem_code, benefit, attempt) do update
set amount = excluded.amount, partner = excluded.partner, account_version = excluded.account_version,
    account_index = excluded.account_index,
    who = excluded.who, second = excluded.second, at = excluded.at;

-- name: index_approvals
-- Approvals that were open when accounts got an index are bound to that of the account they were given for.
update approval a set account_index = payee.account_index
from (select d.redeem_code, d.benefit, k.partner, (extract(epoch from k.linked_at) * 1000000)::bigint as version,
             encode(k.account_index, 'hex') as account_index
      from disbursement d join account k using (participant_id)
      where d.payee = 'participant' and k.account_index is not null
      union all
      select d.redeem_code, d.benefit, p.partner, p.version, p.content
      from disbursement d join provider p using (provider_id) where d.payee = 'provider') as payee
where a.account_index is null and (a.redeem_code, a.benefit) = (payee.redeem_code, payee.benefit)
    and (a.partner, a.account_version) = (payee.partner, payee.version);

-- name: void_approvals
-- The approved content has changed before the attempt was made.
delete from approval a using unnest($1::text[], $2::text[], $3::smallint[]) as void (redeem_code, benefit, attempt)
where a.redeem_code = void.redeem_code and a.benefit = void.benefit and a.attempt = void.attempt;

-- name: insert_confirmation
-- Once for a reference, and once for a disbursement.
insert into confirmation (reference, redeem_code, benefit, who, second, at) values ($1, $2, $3, $4, $5, $6);
