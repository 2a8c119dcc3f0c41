-- name: take_deadlines
-- Longest overdue first of each lane; a row with more codes than are asked for is split. All deadlines fall at midnight,
-- so no more rows of a lane are read than a portion needs. The caller has locked the lanes.
with due as (
    select at, redeem_codes,
           sum(cardinality(redeem_codes)) over (order by due_at, at) - cardinality(redeem_codes) as before
    from unnest($1::smallint[]) as of (lane) cross join lateral (
        select ctid as at, due_at, redeem_codes from deadline d
        where d.lane = of.lane and due_at <= $2 order by due_at limit 50) as oldest),
taken as (
    select at, redeem_codes[:room] as codes, redeem_codes[room + 1:] as rest
    from (select at, redeem_codes, ($3 - before)::int as room from due) as found where room > 0),
over as (delete from deadline where ctid = any(array(select at from taken where rest = '{}'))),
begun as (update deadline set redeem_codes = rest from taken where deadline.ctid = at and rest <> '{}')
select codes from taken;

-- name: load_open_without_deadline
-- Open enrollments without a deadline; there must be none.
select redeem_code from enrollment where state = 'open' except select unnest(redeem_codes) from deadline;
