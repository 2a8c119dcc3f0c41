-- name: load_halts_and_cut_offs
-- Read in every transaction that instructs, so that a halt works with the next batch. A component is halted too while one of its
-- instructions of before a restore has no fund yet: it may have been paid from any. A row with a lane is a wave past its cut-off there.
select scope, null::smallint as lane from halt
union select coalesce(component::text, 'all'), null from attempt where redeem_code is null and wave is null
union all select wave, lane from cut_off where wave = any($1::text[]) and lane = any($2::smallint[]) and passed_at is not null;

-- name: load_halts_with_backlog
-- Disbursements held for another reason are not counted.
select h.scope, h.who, h.why, h.since, count(distinct d.participant_id)::int as participants,
       count(d.redeem_code)::int as disbursements, coalesce(sum(d.amount), 0)::bigint as rupiah
from halt h left join disbursement d
    on d.state = 'held' and d.reason = 'halted' and h.scope in ('all', d.partner, 'wave:' || d.wave)
group by h.scope, h.who, h.why, h.since order by h.since, h.scope;

-- name: insert_halt
-- Halting a halted scope changes nothing.
insert into halt (scope, since, who, why) values ($1, $2, $3, $4) on conflict do nothing returning scope;

-- name: delete_halt
-- Resuming a scope that is not halted changes nothing.
delete from halt where scope = $1 returning scope;

-- name: is_wave_known
-- Money was appropriated to it, or something waits for that: before either nothing of it can be paid.
select exists (select from funds where wave = $1);
