-- name: holes_between_pages
-- Our own pages of a topic and lane follow one another without a gap, as far back as they are kept.
select topic, lane, first_sequence, expected from (
    select topic, lane, first_sequence,
           lag(last_sequence) over (partition by topic, lane order by first_sequence) + 1 as expected
    from page where not adopted) p
where expected is not null and expected <> first_sequence order by topic, lane, first_sequence;

-- name: numbers_without_pages
-- The last number drawn is the last one written on a page.
select s.topic, s.lane, s.next_sequence, max(p.last_sequence) as last_sequence
from sequence s join page p on p.topic = s.topic and p.lane = s.lane and not p.adopted
group by s.topic, s.lane, s.next_sequence having max(p.last_sequence) <> s.next_sequence - 1 order by s.topic, s.lane;

-- name: published_beyond_outbox
-- Nothing can be in Kafka that was never emitted.
select b.topic, b.lane, b.published, s.next_sequence - 1 as emitted
from publication b join sequence s using (topic, lane) where b.published > s.next_sequence - 1 order by b.topic, b.lane;

-- name: eras_not_recorded
-- Of our own pages, and of the last record that was read of each partition.
select topic, lane, era from (select topic, lane, era from page where not adopted
                              union select topic, partition, era from position where era > 0) e
except select topic, lane, era from era order by topic, lane, era;

-- name: positions_before_their_record
-- A position stands behind the record that it remembers as read.
select topic, partition, next_offset, last_offset from position where last_offset >= next_offset order by topic, partition;

-- name: overtaken_lanes
-- Records set aside for a lane would be overtaken if the lane did not know of them.
select w.lane, count(*)::int as records from waiting w join lane l on l.lane = w.lane
where w.kind = 'lane' and not l.set_aside group by w.lane order by w.lane;

-- name: forgotten_lanes
-- A record set aside or replayed needs a mark, or it would never be taken up.
select w.lane, count(*)::int as records from waiting w
where w.kind in ('lane', 'replay') and not exists (
    select from woken k where k.lane = w.lane and k.kind = w.kind and k.key = w.key and w.id <= k.upto)
group by w.lane order by w.lane;

-- name: resolved_twice
-- A parked record is replayed or closed, never both.
select id from parked where replayed_at is not null and closed_at is not null order by id;

-- name: operations
-- The whole log, in order.
select number, at, verb, who, why, detail::text as detail, previous_hash, hash from operation order by number;

-- name: owned_by_the_service
-- Whoever owns a table may disable its guards, and a superuser may do anything.
with role as (select oid, rolsuper from pg_roles where rolname = current_user)
select format('%s is a superuser', current_user) as breach from role where rolsuper
union all
select format('%s may act as the owner of %s', current_user, thing)
from role, (select 'schema ' || nspname as thing, nspowner as owner from pg_namespace where nspname = current_schema()
            union all select 'table ' || relname, relowner from pg_class
                      where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
            union all select 'function ' || proname, proowner from pg_proc
                      where pronamespace = current_schema()::regnamespace) as things
where not rolsuper and pg_has_role(current_user, owner, 'member')
order by breach;
