-- Why: at the cut-off of a wave what is unpaid is forfeited, unless it is at a partner or a person must look at it, and
-- money of the wave that is not used returns to the treasury.
-- Locks disbursement while it is read once to check its rows: some minutes for fifty million; funds for a moment.
create table cut_off (
    cut_off_at      timestamptz not null,
    acts_at         timestamptz not null check (acts_at >= cut_off_at),
    passed_at       timestamptz,
    ledger_number   bigint,
    lane            smallint    not null,
    wave            text        not null,
    cleared         boolean     not null default false,
    primary key (wave, lane),
    constraint passed_at_a_place_in_the_ledger check ((passed_at is null) = (ledger_number is null)),
    constraint cleared_once_passed check (not cleared or passed_at is not null)
);
comment on table cut_off is 'The cut-off of a wave in each lane: from then on nothing more of the wave is paid.';
comment on column cut_off.acts_at is 'The cut-off, but not before records that are long on their way have come since it was first heard of.';
comment on column cut_off.passed_at is 'Since then whatever is due or held of the wave in this lane is forfeited.';
comment on column cut_off.ledger_number is 'The last row of the lane''s ledger by then: no instruction of the wave follows it.';
comment on column cut_off.cleared is 'What was held by then is forfeited. Once all lanes are cleared, unused money of the wave returns to the treasury.';
create trigger a_passed_cut_off_stays after update on cut_off for each row
    when (old.cleared or old.passed_at is not null and (old.passed_at, old.ledger_number) is distinct from (new.passed_at, new.ledger_number))
    execute function refuse_change_of_final();
create trigger cut_offs_stay before delete or truncate on cut_off for each statement execute function refuse_change();

alter table disbursement
    drop constraint nothing_final_is_frozen,
    add constraint nothing_final_is_frozen check (not frozen or state not in ('settled', 'failed', 'cancelled', 'forfeited')),
    drop constraint only_held_or_cancelled_without_an_attempt,
    add constraint only_unpaid_without_an_attempt check (attempt > 0 or state in ('held', 'forfeited') or cancelled_at is not null);
drop trigger a_final_disbursement_never_changes on disbursement;
create trigger a_final_disbursement_never_changes after update on disbursement for each row
    when (old.state in ('settled', 'failed', 'forfeited') or old.cancelled_at is not null)
    execute function refuse_change_of_final();

create or replace function refuse_unless_approved() returns trigger language plpgsql as $$
begin
    if new.state = 'instructed' and new.attempt = old.attempt + 1 and (
        new.frozen and exists (select from attempt a where a.reference = new.reference and a.adopted)
        or exists (select from approval a
                   where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt)
                     and (a.amount, a.partner, a.account_version) = (new.amount, new.partner, new.tried_version)
                     and a.second is not null)) then
        return null;
    end if;
    if new.state in ('cancelled', 'forfeited') and exists (
        select from approval a
        where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt + 1) and a.second is not null) then
        return null;
    end if;
    raise exception 'nobody approved %', new.reference using errcode = 'restrict_violation';
end $$;

alter table funds
    add column returned bigint not null default 0 check (returned >= 0),
    drop constraint never_more_than_appropriated,
    add constraint never_more_than_appropriated
        check (drawn >= 0 and overdrawn = greatest(drawn + returned - appropriated, 0));
comment on column funds.returned is 'Returned to the treasury since the cut-off of the wave.';
