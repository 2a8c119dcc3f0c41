-- name: load_halts
-- Read in every transaction that instructs, so that the switch works with the next batch. A component of which a partner was
-- told before a restore, and nobody has said yet what it pays, is halted until somebody does: the money may be out.
select scope from halt
union select coalesce(component::text, 'all') from attempt where redeem_code is null and wave is null;

-- name: load_halts_with_backlog
-- What operators see: who halted what, and how much waits for it. What else is held, for another reason, is not its doing.
select h.scope, h.who, h.why, h.since, count(distinct d.participant_id)::int as participants,
       count(d.redeem_code)::int as disbursements, coalesce(sum(d.amount), 0)::bigint as rupiah
from halt h left join disbursement d
    on d.state = 'held' and d.reason = 'halted' and (h.scope = 'all' or d.partner = h.scope)
group by h.scope, h.who, h.why, h.since order by h.since, h.scope;

-- name: insert_halt
-- Halting what is halted changes nothing.
insert into halt (scope, since, who, why) values ($1, $2, $3, $4) on conflict do nothing returning scope;

-- name: delete_halt
-- Resuming what is not halted changes nothing.
delete from halt where scope = $1 returning scope;
