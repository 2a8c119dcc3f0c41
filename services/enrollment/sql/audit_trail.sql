-- name: load_admission_views
-- All decisions about a participant, in any wave, with what the wave allowed.
select a.wave, a.regency, a.state, a.reason, a.scheme, a.scheme_version, a.balance, a.admitted_at, a.decided_at, a.carried_by,
       w.quota, w.opens_at, w.closes_at, w.cut_off_at
from admission a left join wave w using (wave) where a.participant_id = $1;

-- name: load_account_view
-- Never the account number.
select partner, verified, same_identity, linked_at, carried_by from account where participant_id = $1;

-- name: load_block_views
-- All blocks and unblocks.
select at, blocked, reason, carried_by from block where participant_id = $1;

-- name: load_erasure_view
-- Of a participant who was erased; `who`: the operator, if no event asked for it.
select e.erased_at, e.carried_by,
       (select o.who from operation o where o.verb = 'erase' and o.detail ->> 'participant' = e.participant_id limit 1) as who
from erasure e where e.participant_id = $1;

-- name: load_enrollment_views
-- All purchases in the order in which they were bought.
select redeem_code, state, reason, scheme, scheme_version, provider_id, course_code, course_version, price, purchased_at, ends_at,
       decided_at, due_at, completed_at, reopened_at, rated_at, revoked_at, voided_at, void_reason, carried_by, void_carried_by
from enrollment where participant_id = $1 order by purchased_at, redeem_code;

-- name: load_forfeit_views
-- All forfeits.
select falls_at, wave, amount, reason, decided_at, carried_by from forfeit where participant_id = $1;
