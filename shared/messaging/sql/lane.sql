-- name: insert_lanes
-- Every lane has its row before it is locked.
insert into lane (lane) select generate_series(0, $1::int - 1) on conflict do nothing;

-- name: lock_lanes
-- Single writer: sorted, so that two processes cannot wait for each other in a ring.
select lane, era, stopped_reason, set_aside, catching_up_since is not null as catching_up, remembers, queues
from lane where lane = any($1::smallint[]) order by lane for update;

-- name: raise_eras
-- A session's first write to a lane begins an era; real time makes it larger than any era from before a restore.
update lane set era = greatest(era + 1, $2) where lane = any($1::smallint[]) returning lane, era;

-- name: begin_eras
-- In every topic of the lane the new era begins at the next number.
update sequence set era_first = next_sequence where lane = any($1::smallint[]);

-- name: raise_era_to
-- Adoption: no later era may be smaller than one found in our own topic.
update lane set era = greatest(era, $2) where lane = $1;

-- name: begin_catching_up
-- Adoption in any lane: the database is an older copy, and no lane knows all that it had read.
update lane set catching_up_since = $1;

-- name: stop_lane
-- The first reason stands until the lane is resumed.
update lane set stopped_reason = $2, stopped_detail = $3, stopped_at = $4 where lane = $1 and stopped_reason is null;

-- name: mark_set_aside
-- From now on records of these lanes are deferred behind those set aside, which come first when the lane is resumed.
with queue as (
    insert into woken (lane, kind, key, upto) select l, 'lane', l::text, 9223372036854775807 from unnest($1::smallint[]) as l
    on conflict do nothing)
update lane set set_aside = true where lane = any($1::smallint[]) and not set_aside;

-- name: mark_queues
-- From now on records of these kinds are deferred behind older ones in these lanes.
update lane l set queues = array(select distinct unnest(l.queues || n.kinds))
from (select lane, array_agg(distinct kind) as kinds from unnest($1::smallint[], $2::text[]) as n (lane, kind) group by lane) as n
where l.lane = n.lane;

-- name: end_queues
-- Drops from these lanes the kinds of which no queue is left.
update lane l set queues = n.kinds
from (select lane, array(
          select kind from unnest(queues) as q (kind)
          where exists (select from woken k where k.lane = lane.lane and k.kind = q.kind)
             or (select w.owner <> '' from waiting w where w.lane = lane.lane and w.kind = q.kind and w.due is not null
                 order by w.due limit 1)
      ) as kinds
      from lane where lane = any($1::smallint[]) and queues <> '{}') as n
where l.lane = n.lane and l.queues <> n.kinds;

-- name: clear_set_aside
-- The queue of these lanes is empty again.
update lane set set_aside = false
where lane = any($1::smallint[]) and set_aside
  and not exists (select 1 from waiting where kind = 'lane' and key = lane.lane::text);

-- name: end_catching_up
-- The lane's inputs have been read to the ends seen after the adoption.
update lane set catching_up_since = null where lane = any($1::smallint[]) and catching_up_since <= $2;
