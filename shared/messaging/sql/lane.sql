-- name: insert_lanes
-- Every lane has its row before anybody locks it.
insert into lane (lane) select generate_series(0, $1::int - 1) on conflict do nothing;

-- name: lock_lanes
-- Single writer: sorted, so that two processes cannot wait for each other in a ring.
select lane, era, stopped_reason, set_aside, catching_up_since is not null as catching_up, remembers
from lane where lane = any($1::smallint[]) order by lane for update;

-- name: raise_eras
-- A session's first write to a lane begins an era; real time makes it larger than any era a restore has forgotten.
update lane set era = greatest(era + 1, $2) where lane = any($1::smallint[]) returning lane, era;

-- name: begin_eras
-- In every topic of the lane the new era begins at the next number.
update sequence set era_first = next_sequence where lane = any($1::smallint[]);

-- name: raise_era_to
-- Adoption: no later era may be smaller than one that was found in our own topic.
update lane set era = greatest(era, $2), catching_up_since = $3 where lane = $1;

-- name: stop_lane
-- The first reason stands until somebody has looked at it.
update lane set stopped_reason = $2, stopped_detail = $3, stopped_at = $4 where lane = $1 and stopped_reason is null;

-- name: mark_set_aside
-- From now on records of these lanes queue behind those set aside.
update lane set set_aside = true where lane = any($1::smallint[]) and not set_aside;

-- name: clear_set_aside
-- The queue of these lanes is empty again.
update lane set set_aside = false
where lane = any($1::smallint[]) and set_aside
  and not exists (select 1 from waiting where kind = 'lane' and key = lane.lane::text);

-- name: end_catching_up
-- The lane's inputs have been read to the ends seen after the adoption.
update lane set catching_up_since = null where lane = any($1::smallint[]) and catching_up_since <= $2;
