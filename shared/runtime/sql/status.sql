-- name: lanes
-- One row per lane: whether it stands still, and why.
select l.lane, l.era, l.stopped_reason, l.stopped_detail, l.stopped_at, l.set_aside, l.catching_up_since,
       coalesce(g.places, '{}') as gaps, coalesce(g.unreadable, false) as unreadable, g.since as gap_since
from lane l
left join (
    select partition, bool_or(unreadable_offset is not null) as unreadable, min(gap_since) as since,
           array_agg(concat_ws(': ', topic || ' at ' || unreadable_offset, unreadable_why) order by topic)
               filter (where unreadable_offset is not null)
           || array_agg(topic order by topic) filter (where unreadable_offset is null) as places
    from position where gap_since is not null group by partition) g on g.partition = l.lane
order by l.lane;

-- name: unpublished_pages
-- Pages in the database and not yet in Kafka; normally none, and then no page is read.
select s.lane, count(*)::int as pages, min(p.said_at) as oldest
from sequence s join publication b using (topic, lane)
join page p on p.topic = s.topic and p.lane = s.lane and p.first_sequence > b.published and not p.adopted
where b.published < s.next_sequence - 1 group by s.lane;

-- name: positions
-- Where reading stopped in every partition, and which partitions stand still.
select topic, partition, next_offset, era, last_sequence, gap_since, stopped_reason from position
order by topic, partition;

-- name: parked_counts
-- Open records, which wait for an operator.
select reason, count(*)::int as records, min(parked_at) as oldest from parked
where replayed_at is null and closed_at is null group by reason order by reason;

-- name: parked_of_person
-- All that was parked and is known to be about a person, without its sealed bytes.
select reason, detail, topic, partition, "offset", ce_id, ce_source, ce_type, parked_at, replayed_at, closed_at from parked
where person = $1 and person <> '' order by id;

-- name: waiting_of_lane
-- Deferred records of a lane, or of none, that hold one of three forms of a text; asked seldom, by a person, so it may read a whole lane.
select kind, key, topic, partition, "offset", since, due, record from waiting
where (lane = $1 or lane is null)
  and (position($2::bytea in record) > 0 or position($3::bytea in record) > 0 or position($4::bytea in record) > 0)
order by id limit $5;

-- name: without_effect_counts
-- Records read without effect until their lane goes on count as lag: set aside with it, or passed by since a number is missing.
select topic, partition, count(*)::bigint as records, min(since) as oldest from waiting where kind = 'lane' group by topic, partition
union all
select topic, partition, greatest(ahead_sequence - last_sequence, 1), gap_since from position where gap_since is not null;

-- name: waiting_counts
-- Deferred records, by the kind of what they wait for.
select kind, count(*)::int as records, min(since) as oldest from waiting group by kind order by kind;

-- name: waiting_by_key
-- What is waited for; asked seldom, by a person, so it may read all that is deferred.
select kind, key, count(*)::int as records, min(since) as since, min(due) as until from waiting
where ($1::text is null or kind = $1) and ($2::text is null or key = $2)
group by kind, key order by min(since), kind, key limit $3;
