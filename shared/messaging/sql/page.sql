-- name: insert_sequences
-- Every topic this service writes has a counter in every lane.
insert into sequence (topic, lane) select t, l from unnest($1::text[]) t, generate_series(0, $2::int - 1) l on conflict do nothing;

-- name: insert_publications
-- And a note of how far it is in Kafka.
insert into publication (topic, lane) select t, l from unnest($1::text[]) t, generate_series(0, $2::int - 1) l on conflict do nothing;

-- name: draw_sequences
-- Gapless, because the number commits with its page; in order, because the lane is locked.
update sequence s set next_sequence = s.next_sequence + n.count
from unnest($1::text[], $2::smallint[], $3::int[]) as n (topic, lane, count)
where s.topic = n.topic and s.lane = n.lane
returning s.topic, s.lane, s.next_sequence - n.count as first_sequence, s.era_first;

-- name: insert_pages
-- One row per topic and lane of the transaction.
insert into page (topic, lane, era, era_first, first_sequence, last_sequence, said_at, adopted, events)
select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::boolean[], $9::bytea[])
on conflict do nothing;

-- name: load_unpublished
-- The topics of these lanes that have numbers to publish, or are to be published again.
select s.topic, s.lane, p.published, s.next_sequence - 1 as last_sequence, p.mark_offset, p.mark_id, p.say_again_from
from sequence s join publication p using (topic, lane)
where s.lane = any($1::smallint[]) and (p.published < s.next_sequence - 1 or p.say_again_from is not null);

-- name: load_publications
-- How far each of these lanes is in Kafka, and where its last acknowledged record stands.
select topic, lane, published, mark_offset, mark_id, unseen_from from publication where lane = any($1::smallint[]);

-- name: load_pages
-- The next pages of one topic and lane after a sequence, by the key. Adopted pages are in the topic already.
select topic, lane, era, era_first, first_sequence, said_at, adopted, events from page
where topic = $1 and lane = $2 and last_sequence > $3 and not adopted
  and first_sequence >= coalesce((select max(p.first_sequence) from page p
                                  where p.topic = $1 and p.lane = $2 and p.first_sequence <= $3 + 1 and not p.adopted), 0)
order by first_sequence limit $4;

-- name: load_pages_again
-- All pages from a sequence on up to what is published, adopted ones included, in the order of the eras.
select topic, lane, era, era_first, first_sequence, said_at, adopted, events from page
where topic = $1 and lane = $2 and last_sequence >= $3 and (adopted or first_sequence <= $4) and (era, first_sequence) > ($5, $6)
order by era, first_sequence limit $7;

-- name: load_page_ranges
-- The numbers that are on pages: other events in the topic were published before a restore. Our own pages follow one
-- another; an adopted one holds a single number. Without an era: numbers of which retention has deleted the pages.
select era, first_sequence, last_sequence from page
where topic = $1 and lane = $2 and first_sequence <= $4 and last_sequence >= $3
  and first_sequence >= coalesce((select max(p.first_sequence) from page p
                                  where p.topic = $1 and p.lane = $2 and p.first_sequence <= $3 and not p.adopted), 0)
union all
select null, 1, least(next_sequence, (select min(first_sequence) from page p where p.topic = $1 and p.lane = $2)) - 1
from sequence where topic = $1 and lane = $2;

-- name: end_of_pages
-- The last number of the latest era that is on a page; where retention has left none, that of the counter.
select coalesce(p.era, l.era) as era, coalesce(p.last_sequence, s.next_sequence - 1) as last_sequence
from sequence s join lane l using (lane) left join lateral (
    select era, last_sequence from page
    where topic = s.topic and lane = s.lane
      and first_sequence >= coalesce((select max(o.first_sequence) from page o
                                      where o.topic = s.topic and o.lane = s.lane and not o.adopted), 0)
    order by era desc, last_sequence desc limit 1) p on true
where s.topic = $1 and s.lane = $2;

-- name: move_mark
-- Adopted events are noted as published, so that the next session looks behind them.
update publication set mark_offset = $3, mark_id = $4 where topic = $1 and lane = $2;

-- name: note_published
-- Never backwards: two publishers of a lane, for a moment, publish repeats.
update publication p set published = greatest(p.published, n.published), mark_offset = n.mark_offset, mark_id = n.mark_id,
    unseen_from = least(p.unseen_from, n.unseen_from),
    unseen_to = case when n.unseen_from is null then p.unseen_to else greatest(p.unseen_to, n.mark_offset) end
from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
         as n (topic, lane, published, mark_offset, mark_id, unseen_from)
where p.topic = n.topic and p.lane = n.lane;

-- name: note_seen
-- All offsets before this one have been examined; records noticed behind it since stay to be examined.
update publication set unseen_from = null, unseen_to = null where topic = $1 and lane = $2 and unseen_to < $3;

-- name: request_republish
-- The lane's publisher publishes everything from this number on once more.
update publication set say_again_from = least(coalesce(say_again_from, $3), $3) where topic = $1 and lane = $2;

-- name: end_republish
-- Done, unless an earlier number has been requested since.
update publication set say_again_from = null where topic = $1 and lane = $2 and say_again_from = $3;

-- name: delete_old_pages
-- Pages are kept for weeks, not for ever; an unpublished one never goes. Of each topic and lane the first ones go, some at a
-- time, so that all numbers before one that is kept are known to have been on pages.
delete from page where ctid = any(array(
    select first.ctid
    from publication b cross join lateral (
        select ctid, bool_and(said_at < $1 and last_sequence <= b.published) over (order by first_sequence, era) as is_over
        from (select ctid, first_sequence, last_sequence, era, said_at from page
              where topic = b.topic and lane between b.lane and b.lane
              order by topic, lane, first_sequence, era limit 10) as p) as first
    where b.lane = any($2::smallint[]) and first.is_over));
