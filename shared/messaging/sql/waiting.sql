-- name: count_deferred
-- The number of deferred records of each owner under each of these keys, which is bounded. Ordered by owner, as one index
-- has it: the other that begins with kind and key would be read for each owner from end to end.
select n.kind, n.key, n.owner, w.waiting
from unnest($1::text[], $2::text[], $3::text[]) as n (kind, key, owner)
cross join lateral (
    select count(*)::int as waiting
    from (select from waiting w where w.kind = n.kind and w.key = n.key and w.owner between n.owner and n.owner
          order by w.owner) as of_owner) as w
where w.waiting > 0;

-- name: load_identical
-- Which of these records are deferred already.
select n.kind, n.key, n.owner, n.digest
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) as n (kind, key, owner, digest)
cross join lateral (
    select from waiting w
    where w.kind = n.kind and w.key = n.key and w.owner = n.owner and w.digest between n.digest and n.digest
    order by w.digest limit 1) as w;

-- name: insert_deferred
-- In order of arrival, which the ids keep. A record identical to a deferred one gets no row.
insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, due, digest, person, record)
select lane, kind, key, owner, topic, partition, "offset", since, due, digest, person, record
from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::timestamptz[],
            $9::timestamptz[], $10::bytea[], $11::text[], $12::bytea[])
     with ordinality as n (lane, kind, key, owner, topic, partition, "offset", since, due, digest, person, record, place)
order by place
on conflict (kind, key, owner, digest) do nothing;

-- name: count_all_deferred
-- Asked by sweeps now and then, never by a batch: it reads the whole of an index.
select count(*) from waiting;

-- name: take_deferred
-- By key; only in lanes that this transaction has locked, and no more than it has room for. Ordered
-- by lane and id here and below, which one index alone gives: by id alone others would be read from end to end.
delete from waiting where id = any(array(
    select id
    from (select id, sum(size) over (rows unbounded preceding) - size as before
          from (select w.id, w.size
                from unnest($1::text[], $2::text[]) with ordinality as n (kind, key, place)
                cross join lateral (
                    select id, octet_length(record) as size from waiting
                    where kind = n.kind and key = n.key and lane = any($3::smallint[]) order by lane, id limit $4) as w
                limit $4) as found) as portion
    where before < $5::bigint))
returning id, lane, kind, key, record;

-- name: mark_released
-- Records left of these keys, in any lane, are for the sweep of their lane; records deferred later are not.
insert into woken (lane, kind, key, upto)
select l.lane, n.kind, n.key, last.id
from unnest($1::text[], $2::text[]) as n (kind, key)
cross join lateral (select from waiting w where w.kind = n.kind and w.key = n.key limit 1) as something
cross join generate_series(-1, $3::int) as l (lane)
cross join lateral (
    select id from waiting w
    where w.kind = n.kind and w.key = n.key and w.lane between l.lane and l.lane
    order by w.lane desc, w.id desc limit 1) as last
on conflict (lane, kind, key) do update set upto = greatest(woken.upto, excluded.upto)
returning lane, kind, key;

-- name: load_released_portion
-- The released records to take up next in these lanes: keys in turn, each in order of arrival.
select id, lane, kind, key, record
from (select found.*, sum(octet_length(record)) over (order by turn, id rows unbounded preceding) - octet_length(record) as before
      from (select n.lane, n.kind, n.key, n.turn, w.id, w.record
            from (select turn, lane, kind, key, upto from woken k
                  where k.lane = any($1::smallint[])
                    and not exists (select from lane l where l.lane = k.lane and l.stopped_reason is not null)
                    and not exists (select from position p where p.partition = k.lane and p.gap_since is not null)
                  order by turn limit $2) as n
            cross join lateral (
                select id, record from waiting
                where kind = n.kind and key = n.key and lane between n.lane and n.lane and id <= n.upto
                order by lane, id limit $2) as w
            order by n.turn, w.id limit $2) as found) as portion
where before < $3::bigint;

-- name: load_replayed
-- Replayed records by the numbers under which they were parked.
select id, record from waiting where kind = 'replay' and key = '' and owner = any($1::text[]) order by id;

-- name: end_turns
-- Of these keys those with no record left are done; the others have their next turn after all others.
with asked as (
    select k.turn, coalesce((
        select w.id from waiting w where w.kind = k.kind and w.key = k.key and w.lane between k.lane and k.lane
        order by w.lane, w.id limit 1) <= k.upto, false) as goes_on
    from woken k join unnest($1::smallint[], $2::text[], $3::text[]) as n (lane, kind, key) using (lane, kind, key)),
over as (delete from woken where turn = any(array(select turn from asked where not goes_on)))
update woken set turn = default where turn = any(array(select turn from asked where goes_on));

-- name: end_marks
-- Drops released keys of these lanes under which no record is left.
delete from woken k where lane = any($1::smallint[]) and coalesce((
    select w.id from waiting w where w.kind = k.kind and w.key = k.key and w.lane between k.lane and k.lane
    order by w.lane, w.id limit 1) > k.upto, true);

-- name: load_queued
-- The keys, with their lanes, behind which a later record has to be deferred: those that are released, and those that
-- are deferred for a cause of many lanes.
select n.lane, n.kind, n.key, k.turn is not null as marked
from unnest($1::smallint[], $2::text[], $3::text[]) as n (lane, kind, key)
left join woken k using (lane, kind, key)
where k.turn is not null
   or (select w.owner <> '' from waiting w where w.kind = n.kind and w.key = n.key and w.lane between n.lane and n.lane
       order by w.lane, w.id limit 1);

-- name: lanes_with_released
-- The lanes in which a record is set aside or released; one of no lane may concern all of them.
select lane from unnest($1::smallint[]) as asked (lane)
where exists (select from woken k where k.lane in (asked.lane, -1));

-- name: delete_deferred
-- Taken up. If fewer rows come back, another process was quicker, and this transaction rolls back.
delete from waiting where id = any($1::bigint[]) returning id, lane, kind, key;

-- name: take_deferred_of
-- All that holds something personal of these people, whatever it was deferred for. A lane that is catching up after a restore
-- decides again what it had decided, and may lack the cause still.
delete from waiting w
where person = any($1::text[]) and not exists (select from lane l where l.lane = w.lane and l.catching_up_since is not null)
returning id, lane, kind, key, due, record;

-- name: confirm_deferred
-- No row once it is taken up.
select id from waiting where id = $1;

-- name: load_deferred_keys
-- The keys under which records are deferred in these lanes and not released yet.
select key from unnest($3::text[]) as asked (key)
where exists (
    select from unnest($2::smallint[]) as l (lane)
    where (select true from waiting w where w.kind = $1 and w.key = asked.key and w.lane between l.lane and l.lane
           order by w.lane limit 1)
      and not exists (select from woken k where k.lane = l.lane and k.kind = $1 and k.key = asked.key));

-- name: load_expired
-- Past their deadline; their cause did not come, or they would be released. Of these kinds, or of all others.
with recursive kinds as (
    select (select min(kind) from waiting) as kind
    union all
    select (select min(w.kind) from waiting w where w.kind > kinds.kind) from kinds where kinds.kind is not null)
select id, record
from (select found.*, sum(octet_length(record)) over (order by due, id rows unbounded preceding) - octet_length(record) as before
      from (select w.id, w.record, w.due
            from kinds cross join unnest($1::smallint[]) as l (lane)
            cross join lateral (
                select id, record, due from waiting
                where lane = l.lane and kind = kinds.kind and due <= $2
                  and not exists (select from woken k where k.lane = l.lane and k.kind = kinds.kind and k.key = waiting.key)
                order by due, id limit $5) as w
            where kinds.kind not in ('lane', 'replay') and (kinds.kind = any($3::text[])) = $4::boolean
            order by w.due, w.id limit $5) as found) as portion
where before < $6::bigint;

-- name: load_deferred_portion
-- All deferred records, in order.
select id, topic, record from waiting where id > $1 order by id limit $2;

-- name: replace_deferred
-- The same event rewritten; its digest stays that of the original.
update waiting w set record = new.record from unnest($1::bigint[], $2::bytea[]) as new (id, record) where w.id = new.id;
