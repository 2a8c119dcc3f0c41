-- name: insert_contradictions
-- Said once more it is the same; the records of repeats are parked as well.
insert into contradiction (reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference,
    reported_at, noted_at)
select said.*, $11 from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::smallint[], $9::text[], $10::timestamptz[]) as said
on conflict do nothing
returning redeem_code, benefit;

-- name: load_contradictions
-- Of one right, for whoever decides about it.
select reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference, reported_at
from contradiction where redeem_code = $1 and benefit = $2 order by noted_at, reported_at;
