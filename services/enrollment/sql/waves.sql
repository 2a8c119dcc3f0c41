-- name: insert_waves
-- A wave is opened once; the first event stays.
insert into wave (wave, scheme, quota, opens_at, closes_at, cut_off_at)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
on conflict do nothing;

-- name: load_waves
-- The known ones of these waves.
select wave, scheme, quota, opens_at, closes_at, cut_off_at from wave where wave = any($1::text[]);

-- name: load_opened_waves
-- The names of all waves.
select wave from wave;

-- name: lock_waves
-- Sorted, and the last locks of a transaction: the places left stay true until the commit.
select wave, greatest(quota - admitted - promised, 0) as places from wave where wave = any($1::text[]) order by wave for update;

-- name: count_admissions
-- Only decisions are counted, so no reservation has to be undone later.
update wave set admitted = wave.admitted + n.admitted, refused = wave.refused + n.refused
from unnest($1::text[], $2::bigint[], $3::bigint[]) as n (wave, admitted, refused) where wave.wave = n.wave;

-- name: overbook_waves
-- Allows admissions announced before a restore though no place is left, and no others.
update wave set overbooked = greatest(overbooked, wave.admitted + n.admitted - quota)
from unnest($1::text[], $2::bigint[]) as n (wave, admitted) where wave.wave = n.wave;

-- name: recount_promised
-- Counts the remembered admissions of these waves and locks their rows; an unknown wave is counted when it is opened.
update wave w set promised = (select count(*) from remembered r
                              where r.type = 'salur.enrollment.participant_admitted.v1' and r.data ->> 'wave' = w.wave)
where w.wave = any($1::text[]);

-- name: count_waves
-- Participants by wave, for the metrics.
select wave, admitted, refused from wave order by wave;
