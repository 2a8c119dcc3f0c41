-- name: load_attempts
-- By reference.
select * from attempt where reference = any($1::text[]);

-- name: insert_adopted_attempts
-- What our own topics say was said; what is known already stands.
insert into attempt (reference, lane, partner, amount, account, instructed_at, answer_by)
select * from unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[])
on conflict do nothing;

-- name: own_adopted_attempts
-- The right that an adopted attempt pays has been read again: it is instructed again as it was.
update attempt a
set redeem_code = new.redeem_code, benefit = new.benefit, number = new.number,
    instructed_at = new.instructed_at, answer_by = new.answer_by
from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::timestamptz[])
    as new (reference, redeem_code, benefit, number, instructed_at, answer_by)
where a.reference = new.reference and a.redeem_code is null;

-- name: save_answers
-- What the partner said; a final word is kept for ever.
update attempt a
set accepted_at = new.accepted_at, settled_at = new.settled_at, rejected_at = new.rejected_at,
    reason = new.reason, partner_reference = new.partner_reference
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[])
    as new (reference, accepted_at, settled_at, rejected_at, reason, partner_reference)
where a.reference = new.reference;
