-- name: load_blocks
-- Of those participants who were ever blocked or unblocked.
select participant_id, lane, blocked_at, unblocked_at from block where participant_id = any($1::text[]);

-- name: save_blocks
-- The place in the lane's ledger moves only when a participant becomes blocked.
insert into block (participant_id, lane, blocked_at, unblocked_at, ledger_number, block_caused_by, unblock_caused_by)
select new.participant_id, new.lane, new.blocked_at, new.unblocked_at, coalesce(k.number, 0), new.block, new.unblock
from unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[])
    as new (participant_id, lane, blocked_at, unblocked_at, block, unblock)
left join book k on k.lane = new.lane
on conflict (participant_id) do update
set blocked_at = excluded.blocked_at, unblocked_at = excluded.unblocked_at,
    block_caused_by = coalesce(excluded.block_caused_by, block.block_caused_by),
    unblock_caused_by = coalesce(excluded.unblock_caused_by, block.unblock_caused_by),
    ledger_number = case when block.blocked_at >= coalesce(block.unblocked_at, block.blocked_at) then block.ledger_number
                         else excluded.ledger_number end;

-- name: load_held_of_trainings
-- Everything held with the trainings of these participants, fees too.
select d.* from enrollment e join disbursement d using (redeem_code)
where e.participant_id = any($1::text[]) and d.state = 'held';
