-- name: insert_contradictions
-- The same contradiction once more changes nothing, though its record is parked as well.
insert into contradiction (reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference,
    reported_at, noted_at)
select said.*, $11 from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::smallint[], $9::text[], $10::timestamptz[]) as said
on conflict do nothing
returning redeem_code, benefit;

-- name: load_unresolved
-- Which of these disbursements were contradicted, and no attempt after that was approved.
select distinct c.redeem_code, c.benefit
from unnest($1::text[], $2::text[]) as asked (redeem_code, benefit) join contradiction c using (redeem_code, benefit)
where not exists (select from approval p where (p.redeem_code, p.benefit) = (c.redeem_code, c.benefit) and p.attempt > c.attempt);

-- name: count_contradictions
-- An approval is given with those in view that were known then.
select c.redeem_code, c.benefit, count(*) as contradictions
from unnest($1::text[], $2::text[]) as asked (redeem_code, benefit) join contradiction c using (redeem_code, benefit)
group by c.redeem_code, c.benefit;

-- name: load_parked_reports
-- Includes those parked before contradictions were rows. A replayed one is parked again if it is a contradiction.
select p.sealed, k.secret from parked p left join personal_key k using (person)
where p.reason = any($1::text[]) and p.replayed_at is null and p.sealed <> '' and (k.person is null or k.secret is not null)
order by p.id;

-- name: count_frozen
-- Frozen disbursements, those at partners included.
select count(*) from disbursement where frozen;

-- name: load_contradictions
-- About one disbursement, for the operators who decide about it.
select reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference, reported_at
from contradiction where redeem_code = $1 and benefit = $2 order by noted_at, reported_at;
