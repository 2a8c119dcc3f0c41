-- name: load_blocks
-- All blocks and unblocks of these participants; nearly nobody has any.
select participant_id, at, blocked from block where participant_id = any($1::text[]);

-- name: insert_blocks
-- With the place in the lane's ledger at which each was read.
insert into block (participant_id, at, blocked, lane, caused_by, ledger_number)
select new.*, coalesce(k.number, 0)
from unnest($1::text[], $2::timestamptz[], $3::boolean[], $4::smallint[], $5::bigint[])
    as new (participant_id, at, blocked, lane, caused_by)
left join book k on k.lane = new.lane;

-- name: load_held_of_trainings
-- Everything held with the trainings of these participants, fees too.
select d.* from enrollment e join disbursement d using (redeem_code)
where e.participant_id = any($1::text[]) and d.state = 'held';
