-- name: insert_eras
-- Eras that begin with this transaction. An era is read once, and begun once; one that was adopted may be known.
insert into era (topic, lane, era, first_sequence, follows)
select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[]) on conflict do nothing;

-- name: load_eras
-- To name events by their numbers.
select topic, lane, era, first_sequence, follows from era where lane = $1 and topic = any($2::text[]);

-- name: load_counters
-- The next number of each topic in these locked lanes, where another session may have written.
select topic, lane, next_sequence from sequence where lane = any($1::smallint[]);
