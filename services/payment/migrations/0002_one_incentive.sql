-- The incentive is the participant's, once, and falls due with the first training that is completed and rated. Until now it
-- fell due only with the training whose completion was delivered first (`is_first`), and was lost if another was the
-- first to be rated: those incentives are granted here, held until their lane's next sweep, which pays them or names what
-- stands in the way. Nothing is posted: the books know of no right before its money moves.
-- Locks `enrollment` and `disbursement` while it reads them from end to end; the services are to stand still meanwhile,
-- and older ones cannot go on afterwards.

alter table disbursement
    add column cancelled_at timestamptz,
    drop constraint only_held_without_an_attempt,
    add constraint only_held_or_cancelled_without_an_attempt check (attempt > 0 or state = 'held' or cancelled_at is not null),
    add constraint what_is_cancelled_goes_nowhere
        check (cancelled_at is null or state not in ('held', 'instructed', 'accepted', 'settled', 'failed'));
comment on column disbursement.cancelled_at is 'If no partner had been told by then, the participant''s next training may earn the benefit.';

-- A partner's word changes none of its columns: the row finds room on its page, as before.
create unique index one_incentive_per_participant on disbursement (participant_id)
    where benefit = 'incentive_1' and (attempt > 0 or cancelled_at is null);
drop index one_first_incentive_per_participant;
create or replace trigger a_final_disbursement_never_changes after update on disbursement
    for each row when (old.state in ('settled', 'failed') or old.cancelled_at is not null)
    execute function refuse_change_of_final();

alter table enrollment drop column is_first;

with earned as (
    select distinct on (e.participant_id)
        e.participant_id, e.redeem_code, e.lane, e.wave, e.provider_id, (p ->> 1)::bigint as amount,
        greatest(e.completion_noted_at, e.rated_at) as due_at
    from enrollment e cross join lateral json_array_elements(e.benefits) as p
    where p ->> 0 = 'incentive_1' and e.completed_at is not null and e.rated_at is not null
      and not exists (select from disbursement d where d.participant_id = e.participant_id and d.benefit = 'incentive_1')
    order by e.participant_id, greatest(e.completed_at, e.rated_at), e.redeem_code),
granted as (
    insert into disbursement (redeem_code, benefit, participant_id, lane, wave, component, payee, provider_id, amount,
                              due_at, state, reason, attempt, tried_version, retry_at, changed_at)
    select redeem_code, 'incentive_1', participant_id, lane, wave, 'incentive', 'participant', provider_id, amount,
           due_at, 'held', 'partner_paused', 0, 0, due_at, due_at
    from earned
    returning lane, amount)
insert into tally (lane, state, partner, benefit, reason, disbursements, rupiah)
select lane, 'held', '', 'incentive_1', 'partner_paused', count(*), sum(amount) from granted group by lane
on conflict (lane, state, partner, benefit, reason) do update
set disbursements = tally.disbursements + excluded.disbursements, rupiah = tally.rupiah + excluded.rupiah;
