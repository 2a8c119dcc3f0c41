-- name: insert_cut_offs
-- A row for each lane, in one order, since lanes may hear of a wave at the same time.
insert into cut_off (wave, lane, cut_off_at, acts_at)
select told.wave, lane, told.cut_off_at, told.acts_at
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as told (wave, cut_off_at, acts_at)
cross join unnest($4::smallint[]) as lane
order by told.wave, lane
on conflict do nothing
returning wave;

-- name: pass_cut_offs
-- What was cured by now, and waits only for reports to be read, is tried first.
update cut_off c
set passed_at = $3, ledger_number = coalesce((select b.number from book b where b.lane = c.lane), 0)
where c.lane = any($1::smallint[]) and c.passed_at is null and c.acts_at <= $2
  and not exists (select from disbursement d where d.lane = c.lane and d.retry_at <= $3 and d.wave = c.wave);

-- name: load_held_past_cut_off
-- A portion, in any order. What is frozen is left out once it is held for a person, or for a block.
select d.* from cut_off c join disbursement d using (wave, lane)
where c.lane = any($1::smallint[]) and c.passed_at is not null and not c.cleared and d.reason is not null
  and not (d.frozen and d.reason in ('needs_approval', 'participant_blocked'))
limit $2;

-- name: clear_cut_offs
-- From now on nothing is held in these lanes but what is frozen.
update cut_off set cleared = true where lane = any($1::smallint[]) and passed_at is not null and not cleared;

-- name: load_past_cut_off
-- Those of these waves and lanes.
select wave, lane from cut_off join unnest($1::text[], $2::smallint[]) as asked (wave, lane) using (wave, lane)
where passed_at is not null;
