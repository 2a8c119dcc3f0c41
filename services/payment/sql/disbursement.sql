-- name: update_disbursements
-- Where each stands now.
update disbursement d
set state = new.state, reason = new.reason, attempt = new.attempt, reference = new.reference, partner = new.partner,
    tried_version = new.tried_version, approved = new.approved, look_again_at = new.look_again_at, changed_at = $11
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::bigint[], $9::boolean[],
    $10::timestamptz[]) as new (redeem_code, benefit, state, reason, attempt, reference, partner, tried_version, approved, look_again_at)
where d.redeem_code = new.redeem_code and d.benefit = new.benefit;

-- name: load_disbursements
-- By right.
select d.*, e.provider_id
from disbursement d
join unnest($1::text[], $2::text[]) as asked (redeem_code, benefit) using (redeem_code, benefit)
join enrollment e using (redeem_code);

-- name: load_held_of_participants
-- An account that was just linked may cure these. What waits for money keeps its turn.
select d.*, e.provider_id
from enrollment e join disbursement d using (redeem_code)
where e.participant_id = any($1::text[]) and d.state = 'held' and d.payee = 'participant' and d.reason <> 'no_funds';

-- name: load_releasable
-- Held, and the cure is there: a newer provider account, money, an open partner, the time, an approval. Oldest first.
-- Each cure has a portion of its own, so that none waits for another; what the money does not last for is no cure.
select d.*, e.provider_id
from (
    (select h.* from disbursement h join enrollment n using (redeem_code)
     where h.state = 'held' and h.lane = any($1::smallint[]) and h.payee = 'provider' and h.reason = any($4::text[])
       and exists (select from provider p where p.provider_id = n.provider_id and p.version > h.tried_version)
     order by h.due_at limit $3)
    union all
    (select (w.h).* from (
         select h, sum(h.amount) over (partition by h.lane, h.wave, h.component order by h.due_at, h.redeem_code, h.benefit) as needed,
                f.appropriated - f.drawn + coalesce(p.drawn - p.spent, 0) as there
         from disbursement h
         join funds f on f.wave = h.wave and f.component = h.component
         left join purse p on p.lane = h.lane and p.wave = h.wave and p.component = h.component
         where h.state = 'held' and h.lane = any($1::smallint[]) and h.reason = 'no_funds'
           and f.appropriated - f.drawn + coalesce(p.drawn - p.spent, 0) > 0) w
     where w.needed <= w.there
     order by (w.h).due_at limit $3)
    union all
    (select h.* from disbursement h
     where h.state = 'held' and h.lane = any($1::smallint[]) and h.reason = 'halted'
       and not exists (select from halt where scope = 'all') and h.partner not in (select scope from halt)
     order by h.due_at limit $3)
    union all
    (select h.* from disbursement h join enrollment n using (redeem_code)
     where h.state = 'held' and h.lane = any($1::smallint[]) and h.payee = 'provider' and h.reason = 'halted'
       and h.partner in (select scope from halt)
       and h.partner <> (select p.partner from provider p where p.provider_id = n.provider_id order by p.version desc limit 1)
     order by h.due_at limit $3)
    union all
    (select h.* from disbursement h
     where h.state = 'held' and h.lane = any($1::smallint[]) and h.look_again_at <= $2::timestamptz
     order by h.due_at limit $3)
    union all
    (select h.* from disbursement h
     where h.state = 'held' and h.lane = any($1::smallint[]) and h.reason in ('needs_approval', 'partner_rejected') and h.approved
     order by h.due_at limit $3)
) as d
join enrollment e using (redeem_code)
order by d.due_at, d.redeem_code, d.benefit;

-- name: load_unanswered
-- The partner's time is up, and no final word has come.
select d.*, e.provider_id
from disbursement d join enrollment e using (redeem_code)
where d.lane = any($1::smallint[]) and d.look_again_at <= $2::timestamptz and d.state in ('instructed', 'accepted')
order by d.look_again_at
limit $3;

-- name: approve_disbursement
-- An operator's word on one that waits for it; it goes with the lane's next sweep.
update disbursement set approved = true
where redeem_code = $1 and benefit = $2 and state = 'held' and reason in ('needs_approval', 'partner_rejected') and not approved
returning amount;
