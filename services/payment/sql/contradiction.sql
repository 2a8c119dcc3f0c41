-- name: insert_contradictions
-- Said once more it is the same; the records of repeats are parked as well.
insert into contradiction (reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference,
    reported_at, noted_at)
select said.*, $11 from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::smallint[], $9::text[], $10::timestamptz[]) as said
on conflict do nothing
returning redeem_code, benefit;

-- name: load_parked_reports
-- With whatever was parked before contradictions were rows; what was replayed since is parked again if it is one.
select sealed from parked where reason = any($1::text[]) and replayed_at is null order by id;

-- name: count_frozen
-- How many rights wait for a person to look, or will when they come back.
select count(*) from disbursement where frozen;

-- name: load_contradictions
-- Of one right, for whoever decides about it.
select reference, partner, status, amount, reason, redeem_code, benefit, attempt, partner_reference, reported_at
from contradiction where redeem_code = $1 and benefit = $2 order by noted_at, reported_at;
