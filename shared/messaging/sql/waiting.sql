-- name: count_waiting
-- How many of each owner wait under each of these keys: the number is bounded.
select kind, key, owner, count(*)::int as waiting
from waiting join unnest($1::text[], $2::text[], $3::text[]) as asked (kind, key, owner) using (kind, key, owner)
group by kind, key, owner;

-- name: load_identical
-- Which of these records wait already.
select kind, key, owner, digest
from waiting join unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) as asked (kind, key, owner, digest)
     using (kind, key, owner, digest);

-- name: insert_waiting
-- In order of arrival; identity numbers keep that order. What is identical to one that waits takes no second place.
insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, due, record, digest)
select lane, kind, key, owner, topic, partition, "offset", $1, due, record, digest
from unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::bigint[], $9::timestamptz[],
            $10::bytea[], $11::bytea[])
     with ordinality as n (lane, kind, key, owner, topic, partition, "offset", due, record, digest, place)
order by place
on conflict (kind, key, owner, digest) do nothing;

-- name: count_all_waiting
-- Asked now and then, never by a batch: it reads the whole of an index.
select count(*) from waiting;

-- name: take_waiting
-- By key, never by rescanning; only in lanes that this transaction has locked.
delete from waiting using unnest($1::text[], $2::text[]) as woken (kind, key)
where waiting.kind = woken.kind and waiting.key = woken.key and waiting.lane = any($3::smallint[])
returning waiting.id, waiting.kind, waiting.key, waiting.record;

-- name: hand_over_waiting
-- Woken, but of a lane that is not locked here, or not to be handled in this transaction: that lane's sweep takes it up.
update waiting set kind = 'replay' from unnest($1::text[], $2::text[]) as woken (kind, key)
where waiting.kind = woken.kind and waiting.key = woken.key;

-- name: load_ready
-- Handed over, replayed, or set aside while its lane stood still.
select w.id, w.kind, w.lane, w.record from waiting w left join lane l on l.lane = w.lane
where w.kind in ('lane', 'replay') and coalesce(w.lane, 0) = any($1::smallint[])
  and l.stopped_reason is null and not coalesce(w.lane, 0) = any($2::smallint[])
order by w.id limit $3;

-- name: load_replayed
-- Parked records that were just handed back, by their numbers.
select id, record from waiting where kind = 'replay' and key = any($1::text[]) order by id;

-- name: lanes_with_ready
-- In which of these lanes something is set aside or to be taken up; what belongs to no lane may concern all of them.
select lane from unnest($1::smallint[]) as asked (lane)
where exists (select from waiting w where w.kind in ('lane', 'replay') and (w.lane = asked.lane or w.lane is null));

-- name: delete_waiting
-- Taken up. Fewer rows than asked for: another process was quicker, and this transaction rolls back.
delete from waiting where id = any($1::bigint[]) returning id;

-- name: load_waiting_keys
-- What somebody waits for in these lanes; by key where the keys are known.
select distinct key from waiting where kind = $1 and lane = any($2::smallint[]) and ($3::text[] is null or key = any($3));

-- name: load_expired
-- Waited long enough; the answer from outside did not come. Of these kinds, or of all others.
select id, record from waiting
where lane = any($1::smallint[]) and due <= $2 and kind not in ('lane', 'replay') and (kind = any($3::text[])) = $4::boolean
order by due, id limit $5;

-- name: load_waiting_portion
-- All that waits, in order.
select id, topic, record from waiting where id > $1 order by id limit $2;

-- name: replace_waiting
-- The same event in other words.
update waiting w set record = new.record from unnest($1::bigint[], $2::bytea[]) as new (id, record) where w.id = new.id;
