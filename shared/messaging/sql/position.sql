-- name: insert_positions
-- A partition never read begins at its beginning.
insert into position (topic, partition) select * from unnest($1::text[], $2::smallint[]) on conflict do nothing;

-- name: load_positions
-- Where this service stopped reading each of these partitions.
select p.topic, p.partition, p.next_offset, p.era, p.last_sequence, p.last_offset, p.last_digest, p.gap_since, p.stopped_reason,
       p.unreadable_offset, p.unreadable_why, p.pass_offset, p.ahead_era, p.ahead_sequence
from position p join unnest($1::text[], $2::smallint[]) as asked (topic, partition) using (topic, partition);

-- name: load_all_positions
-- Of all partitions, those of other replicas included; `whole`: no number is missing before one that was seen.
select topic, partition, next_offset, stopped_reason,
       gap_since is null and (era, last_sequence) >= (ahead_era, ahead_sequence) as whole
from position;

-- name: advance_positions
-- Compare-and-set, as whatever moves or stops a position: a process that was overtaken, or did not see that reading was
-- stopped, matches fewer rows and rolls back.
update position p
set next_offset = n.next_offset, era = n.era, last_sequence = n.last_sequence, last_offset = n.last_offset,
    last_digest = n.last_digest, gap_since = n.gap_since, unreadable_offset = n.unreadable_offset,
    unreadable_why = n.unreadable_why, pass_offset = n.pass_offset, ahead_era = n.ahead_era, ahead_sequence = n.ahead_sequence
from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::timestamptz[],
            $10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[])
     as n (topic, partition, seen_offset, next_offset, era, last_sequence, last_offset, last_digest, gap_since,
           unreadable_offset, unreadable_why, pass_offset, ahead_era, ahead_sequence)
where p.topic = n.topic and p.partition = n.partition and p.next_offset = n.seen_offset and p.stopped_reason is null
returning p.topic;

-- name: pass_over
-- Past control records at the end of a partition, which hold no event; without this a deadline would never act.
update position p set next_offset = n.next_offset
from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[]) as n (topic, partition, seen_offset, next_offset)
where p.topic = n.topic and p.partition = n.partition and p.next_offset = n.seen_offset and p.stopped_reason is null
returning p.topic, p.partition, p.next_offset;

-- name: confirm_position
-- Locked: a decision about a record holds as long as that is the next one to be read.
select topic from position where topic = $1 and partition = $2 and next_offset = $3 and stopped_reason is null for update;

-- name: restart_position
-- An internal topic that was made anew is read from its beginning; era and sequence drop repeats.
update position set next_offset = $4, last_offset = null, last_digest = null,
    unreadable_offset = null, unreadable_why = null, pass_offset = null
where topic = $1 and partition = $2 and next_offset = $3 and stopped_reason is null returning topic;

-- name: stop_position
-- The partition is not read until an operator sets its position, which may just have happened.
update position set stopped_reason = $4 where topic = $1 and partition = $2 and next_offset = $3 and stopped_reason is null
returning topic;

-- name: lanes_with_gaps
-- A gap in one internal topic stops its lane in all of them.
select partition as lane, topic from position where gap_since is not null and partition = any($1::smallint[]);
