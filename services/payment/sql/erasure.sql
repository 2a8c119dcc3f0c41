-- name: insert_erasures
-- New ones, and those that were known only from our own topic; an erasure that was read stays as it is.
insert into erasure (participant_id, lane, erased_at, ledger_number, caused_by)
select new.participant_id, new.lane, new.erased_at, coalesce(k.number, 0), new.caused_by
from unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::bigint[]) as new (participant_id, lane, erased_at, caused_by)
left join book k on k.lane = new.lane
on conflict (participant_id) do update set erased_at = excluded.erased_at, caused_by = excluded.caused_by
    where erasure.erased_at is null and excluded.erased_at is not null
returning participant_id;

-- name: load_barred
-- Of these participants those who were ever blocked or unblocked, and those who were erased.
select participant_id, at, blocked, false as erased from block where participant_id = any($1::text[])
union all
select participant_id, null, null, true from erasure where participant_id = any($1::text[]);

-- name: erase_accounts
-- What these participants linked: the row stays, without the number.
update account set account = '' where participant_id = any($1::text[]);

-- name: erase_attempt_accounts
-- Of those of these attempts that went to participants who were erased.
update attempt a set account = ''
from disbursement d join erasure x using (participant_id)
where a.reference = any($1::text[]) and a.account <> ''
  and (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit) and d.payee = 'participant';

-- name: load_attempted
-- Disbursements to participants, of these trainings, of which an attempt was made.
select * from disbursement where redeem_code = any($1::text[]) and payee = 'participant' and attempt > 0;
