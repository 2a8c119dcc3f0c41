-- name: load_miscounted_waves
-- Waves whose counters differ from the rows, or exceed the quota.
select wave, quota, admitted, counted_admitted, refused, counted_refused, promised, coalesce(counted_promised, 0) as counted_promised
from wave left join (
    select wave, count(*) filter (where state = 'admitted') as counted_admitted,
           count(*) filter (where state = 'refused') as counted_refused
    from admission group by wave) as counted using (wave) left join (
    select data ->> 'wave' as wave, count(*) as counted_promised from remembered
    where type = 'salur.enrollment.participant_admitted.v1' group by data ->> 'wave') as announced using (wave)
where admitted + promised > quota or admitted <> coalesce(counted_admitted, 0) or refused <> coalesce(counted_refused, 0)
   or promised <> coalesce(counted_promised, 0);

-- name: load_uncaused_announcements
-- Events announced before a restore whose cause was not read again, once all lanes have caught up.
select key from remembered where not exists (select from lane where catching_up_since is not null);

-- name: load_niks_admitted_twice
-- Admissions that share an index, or whose claim belongs to another participant.
select a.participant_id from admission a
left join claim c on c.kind = 'nik' and c.key = encode(a.identity_index, 'hex') and c.owner = a.participant_id
where a.state = 'admitted' and c.key is null
union
select min(participant_id) from admission where state = 'admitted' group by identity_index having count(*) > 1;

-- name: load_used_up_niks
-- Claims on a NIK without an admission. After a restore they are compared once all lanes have caught up.
select c.owner from claim c
left join admission a on a.participant_id = c.owner and a.state = 'admitted' and encode(a.identity_index, 'hex') = c.key
where c.kind = 'nik' and a.participant_id is null and not exists (select from lane where catching_up_since is not null);

-- name: load_overdrawn_balances
-- Participants who spent and forfeited more than was granted, or were not admitted. After a restore an admission may still
-- have to be read again.
select participant_id, spent::bigint, forfeited::bigint, coalesce(balance, 0) as granted
from (select participant_id, sum(spent) as spent, sum(forfeited) as forfeited
      from (select participant_id, price as spent, 0 as forfeited from enrollment where state = 'confirmed'
            union all select participant_id, 0, amount from forfeit) as each group by participant_id) as used
left join (select participant_id, balance from admission where state = 'admitted') as a using (participant_id)
where (balance is not null or not exists (select from lane where catching_up_since is not null))
  and spent + forfeited > coalesce(balance, 0);

-- name: load_balances_without_deadline
-- Participants with money left that no deadline will take: of a wave with a cut-off, or without any training.
select participant_id
from (select participant_id, balance as rest, false as bought, cut_off_at is not null as is_cut_off
      from admission left join wave using (wave) where state = 'admitted'
      union all select participant_id, -price, true, false from enrollment where state = 'confirmed'
      union all select participant_id, -amount, false, false from forfeit) as each
where not exists (select from lane where catching_up_since is not null)
group by participant_id having sum(rest) > 0 and (bool_or(is_cut_off) or not bool_or(bought))
except select unnest(participant_ids) from purchase_deadline;

-- name: load_voids_of_unconfirmed
-- Voided enrollments that cannot have been confirmed: of nobody admitted, or dearer than what was granted.
select e.redeem_code from enrollment e left join admission a on a.participant_id = e.participant_id and a.state = 'admitted'
where e.state = 'voided' and (e.scheme is null or e.price > coalesce(a.balance, 0));

-- name: load_misclaimed_redeem_codes
-- Enrollments whose redeem code is not claimed for their participant.
select e.redeem_code from enrollment e
left join claim c on c.kind = 'redeem_code' and c.key = e.redeem_code and c.owner = e.participant_id
where c.key is null;

-- name: load_accounts_of_the_erased
-- Participants who were erased, and whose account or key is kept all the same.
select participant_id from account join erasure using (participant_id) where sealed <> ''
union
select x.participant_id from erasure x left join personal_key k on k.person = x.participant_id
where k.person is null or k.secret is not null;

-- name: load_state_count_differences
-- States whose stored count differs from the rows.
select state, coalesce(counted, 0)::bigint as counted, coalesce(actual, 0)::bigint as actual
from (select state, sum(enrollments) as counted from tally group by state) as t
full join (select state, count(*) as actual from enrollment where state <> 'undecided' group by state) as e using (state)
where coalesce(counted, 0) <> coalesce(actual, 0);
