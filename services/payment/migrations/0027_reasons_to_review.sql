-- Why: more reasons than before ask for a person: duplicates by other names, and rejections that say that money may have
-- moved. What is held after one of them is frozen. An attempt that followed one before this, as it might then, is noted
-- as let go by nobody in particular, as attempts of before approvals were (0003): else `verify` would accuse it.
-- Locks the rows it changes; attempt is read twice.

with review as (
    select unnest(array[
    'AG09', 'AM07', 'AM09', 'CH19', 'CN01', 'CUST', 'DS01', 'DS02', 'DS05', 'DS06', 'DS07', 'DT06', 'DU01', 'DU02',
    'DU03', 'DU04', 'DU05', 'DUPL', 'FOCR', 'G000', 'G001', 'G002', 'G003', 'G004', 'G005', 'G006', 'NOOR', 'RCON',
    'RF01', 'S000', 'S001', 'S002', 'S003', 'S004', 'TS01', 'UPAY'
    ]) as reason),
frozen as (
    update disbursement d set frozen = true
    from attempt a join review using (reason)
    where d.reason is not null and not d.frozen and a.reference = d.reference)
insert into approval (redeem_code, benefit, attempt, amount, partner, account_version, who, at)
select a.redeem_code, a.benefit, a.number, a.amount, a.partner, 0, 'made before its reason asked for a person', a.instructed_at
from attempt a
join attempt before on before.redeem_code = a.redeem_code and before.benefit = a.benefit and before.number = a.number - 1
join review on review.reason = before.reason
where not a.adopted
on conflict do nothing;
