-- name: lane_to_resume
-- Locked, so that what is previewed is what is done.
select lane, stopped_reason, stopped_detail from lane where lane = $1 for update;

-- name: resume_lane
-- What was set aside meanwhile comes first; that is noted elsewhere and stands.
update lane set stopped_reason = null, stopped_detail = null, stopped_at = null where lane = $1;

-- name: unreadable_of_lane
-- Locked, so that the reader cannot move on between preview and deed.
select topic, partition, next_offset, last_sequence, unreadable_offset, unreadable_why, pass_offset from position
where partition = $1 and unreadable_offset is not null order by topic for update;

-- name: go_back_to_unreadable
-- It is read once more, and what follows it, which has had no effect yet. `$2`: now it may pass.
update position set next_offset = unreadable_offset, last_offset = null, last_digest = null,
    pass_offset = case when $2 then unreadable_offset end
where partition = $1 and unreadable_offset is not null;

-- name: position_to_set
-- Locked, so that the reader cannot move it between preview and deed.
select next_offset, stopped_reason from position where topic = $1 and partition = $2 for update;

-- name: set_position
-- Which record stood there before is forgotten, or the reader would take the topic for a changed one.
update position set next_offset = $3, last_offset = null, last_digest = null, stopped_reason = null
where topic = $1 and partition = $2;

-- name: pages_to_republish
-- What is kept from a sequence on, and whether it is already asked for.
select b.published, b.say_again_from, count(p.events)::int as pages, min(p.first_sequence) as first_sequence
from publication b left join page p on p.topic = b.topic and p.lane = b.lane and p.last_sequence >= $3
where b.topic = $1 and b.lane = $2 group by b.published, b.say_again_from;

-- name: load_parked
-- In the order in which they were parked, from a number on.
select id, reason, detail, lane, topic, partition, "offset", ce_id, ce_source, ce_type, size, sha256, parked_at,
       replayed_at, closed_at
from parked
where ($1::text is null or reason = $1) and ($2::text is null or ce_source = $2) and ($3::text is null or ce_type = $3)
  and ($4::boolean or (replayed_at is null and closed_at is null)) and id > $5
order by id limit $6;

-- name: count_parked
-- How many there are in truth, whatever is shown of them; the last tells where a portion-wise resolution ends.
select count(*)::int as records, max(id) as last from parked
where ($1::text is null or reason = $1) and ($2::text is null or ce_source = $2) and ($3::text is null or ce_type = $3)
  and ($4::boolean or (replayed_at is null and closed_at is null));

-- name: group_parked
-- Open ones by cause and source, the largest group first: one mistake of one producer is one line.
select reason, ce_source, ce_type, topic, count(*)::int as records, min(parked_at) as oldest from parked
where ($1::text is null or reason = $1) and ($2::text is null or ce_source = $2) and ($3::text is null or ce_type = $3)
  and replayed_at is null and closed_at is null
group by reason, ce_source, ce_type, topic order by records desc, oldest limit $4;

-- name: open_parked_numbers
-- The next portion of open ones, in order: so many, or as few as whoever replays them can hold, and read again from Kafka
-- before the transaction has taken too long.
select id
from (select id, sum(weight) over (order by id rows unbounded preceding) - weight as before
      from (select id, case when whole then 0 else size + (1 << 20)::bigint end as weight from parked
            where ($1::text is null or reason = $1) and ($2::text is null or ce_source = $2)
              and ($3::text is null or ce_type = $3)
              and replayed_at is null and closed_at is null and id > $4 and id <= $5
            order by id limit $6) as found) as portion
where before < $7::bigint order by id;

-- name: load_parked_record
-- One, without its sealed bytes: these may be many.
select id, reason, detail, lane, topic, partition, "offset", ce_id, ce_source, ce_type, size, sha256, parked_at, replayed_at,
       closed_at, whole, length(sealed) as sealed
from parked where id = $1;

-- name: lock_open_parked
-- Only what is still open, so that a second time finds nothing to do. Of who was erased the bytes kept here open no more.
select p.id, p.reason, p.lane, p.topic, p.partition, p."offset", p.sha256, p.sealed, p.person, k.secret,
       p.whole and (k.person is null or k.secret is not null) as whole
from parked p left join personal_key k using (person)
where p.id = any($1::bigint[]) and p.replayed_at is null and p.closed_at is null order by p.id for update of p;

-- name: be_patient
-- For this transaction alone: what it waits for is not here.
select set_config(name, '10min', true) from pg_settings
where name in ('idle_in_transaction_session_timeout', 'transaction_timeout');

-- name: insert_replayed
-- Back through the intake, in order of arrival; the sweep of the lane takes it up as it does what was woken.
insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, person, record)
select coalesce(lane, -1), 'replay', '', number, topic, partition, "offset", $1, nullif(person, ''), record
from unnest($2::smallint[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::text[], $8::bytea[])
     with ordinality as n (lane, number, topic, partition, "offset", person, record, place)
order by place;

-- name: mark_replayed_lanes
-- What is replayed in these lanes is taken up in order.
insert into woken (lane, kind, key, upto)
select distinct coalesce(lane, -1), 'replay', '', 9223372036854775807 from unnest($1::smallint[]) as n (lane)
on conflict do nothing;

-- name: mark_replayed
-- From now on the same record may be parked once more.
update parked set replayed_at = $2 where id = any($1::bigint[]);

-- name: mark_closed
-- Somebody has looked at it and decided that nothing is to be done.
update parked set closed_at = $2 where id = any($1::bigint[]);
