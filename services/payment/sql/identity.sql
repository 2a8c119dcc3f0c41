-- name: load_any_reference
-- One that was derived here, with all that it was derived from.
select a.reference, a.lane, a.redeem_code, a.benefit, a.number, d.participant_id
from (select reference, lane, redeem_code, benefit, number from attempt
      where reference > '' and redeem_code is not null order by reference limit 1) a
join disbursement d using (redeem_code, benefit);

-- name: load_provider_seals
-- Some accounts of record, with the keyed hashes of their content.
select provider_id, partner, account, content from provider limit 100;

-- name: count_sealed_accounts
-- Accounts of participants, by the beginning of the token. Reads the whole table.
select split_part(account, '..', 1) as header, count(*)::bigint as number from account where account <> '' group by 1;

-- name: count_sealed_providers
-- Accounts of record, each version, by the beginning of the token.
select split_part(account, '..', 1) as header, count(*)::bigint as number from provider group by 1;

-- name: count_sealed_instructions
-- Accounts in instructions that this partner may still be asked about, or is told again, by the beginning of the token.
select split_part(a.account, '..', 1) as header, count(*)::bigint as number
from attempt a left join disbursement d on d.reference = a.reference
where a.partner = $1 and a.account <> '' and (a.redeem_code is null or d.state in ('instructed', 'accepted'))
group by 1;
