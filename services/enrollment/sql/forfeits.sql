-- name: take_purchase_deadlines
-- Longest overdue first of each lane; a row with more participants than are asked for is split. All deadlines fall at
-- midnight, so no more rows of a lane are read than a portion needs. The caller has locked the lanes.
with due as (
    select at, participant_ids, sum(cardinality(participant_ids)) over (order by due_at, at) - cardinality(participant_ids) as before
    from unnest($1::smallint[]) as of (lane) cross join lateral (
        select ctid as at, due_at, participant_ids from purchase_deadline d
        where d.lane = of.lane and due_at <= $2 order by due_at limit 50) as oldest),
taken as (
    select at, participant_ids[:room] as people, participant_ids[room + 1:] as rest
    from (select at, participant_ids, ($3 - before)::int as room from due) as found where room > 0),
over as (delete from purchase_deadline where ctid = any(array(select at from taken where rest = '{}'))),
begun as (update purchase_deadline set participant_ids = rest from taken where purchase_deadline.ctid = at and rest <> '{}')
select people from taken;

-- name: load_forfeits
-- All forfeits of these participants.
select participant_id, falls_at, lane, wave, amount, reason, carried_by from forfeit where participant_id = any($1::text[]);

-- name: insert_forfeits
-- A deadline forfeits once; one that was announced before a restore may be there already.
insert into forfeit (participant_id, falls_at, lane, wave, amount, reason, carried_by, decided_at)
select *, $8::timestamptz
from unnest($1::text[], $2::timestamptz[], $3::smallint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
on conflict do nothing;
