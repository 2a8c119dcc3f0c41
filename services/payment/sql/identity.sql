-- name: load_any_reference
-- One that was derived here, with all that it was derived from.
select a.reference, a.lane, a.redeem_code, a.benefit, a.number, d.participant_id
from (select reference, lane, redeem_code, benefit, number from attempt
      where reference > '' and redeem_code is not null order by reference limit 1) a
join disbursement d using (redeem_code, benefit);

-- name: load_provider_seals
-- Some accounts of record, with the keyed hashes of their content.
select provider_id, partner, account, content from provider limit 100;

-- name: is_sealed_under
-- Accounts kept under this key, or deferred records that upstream sealed with it. Asked only after a key was taken out of its
-- set, since it reads whole tables.
select exists (select from account where starts_with(account, $2)) or exists (select from provider where starts_with(account, $1))
    or exists (select from waiting
               where position(convert_to($1, 'UTF8') in decode(convert_from(record, 'UTF8')::json ->> 'value', 'base64')) > 0);
