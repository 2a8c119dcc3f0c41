-- Why: a training that was voided, or whose completion was revoked, earns nothing any more. What is unpaid of it is
-- cancelled, and what was paid is claimed back.
-- Locks enrollment for a moment; disbursement and transfer while each is read once to check its rows: some minutes for
-- fifty million.
create type annulment as enum ('voided', 'revoked');
create type claim_reason as enum ('voided', 'revoked', 'blocked');
create type claim_state as enum ('open', 'repaid', 'withdrawn');

alter table enrollment
    add column voided_at timestamptz,
    add column revoked_at timestamptz,
    add column clawback_days smallint check (clawback_days >= 0);
comment on column enrollment.voided_at is 'Of the first void that was read; so is revoked_at. From then on it earns nothing.';
comment on column enrollment.clawback_days is 'Days after which a claim is due; null in enrollments of before claims.';

alter table disbursement
    add column annulled annulment,
    drop constraint nothing_final_is_frozen,
    add constraint nothing_final_is_frozen check (not frozen or state not in ('settled', 'failed', 'cancelled')),
    drop constraint what_is_cancelled_goes_nowhere,
    add constraint cancelled_at_a_time check ((state = 'cancelled') = (cancelled_at is not null)),
    add constraint only_what_is_annulled_is_cancelled check (state <> 'cancelled' or annulled is not null);
comment on column disbursement.annulled is
    'Its training earns nothing any more: it is cancelled when it is held, and claimed back when it is settled.';

create table money_claim (
    opened_at       timestamptz     not null,
    due_at          timestamptz     not null,
    closed_at       timestamptz,
    amount          bigint          not null check (amount > 0),
    lane            smallint        not null,
    number          smallint        not null check (number > 0),
    debtor          payee           not null,
    reason          claim_reason    not null,
    state           claim_state     not null default 'open',
    reference       text            not null,
    redeem_code     text            not null,
    benefit         text            not null,
    participant_id  text            not null,
    document        text,
    primary key (reference, number),
    constraint closed_at_a_time check ((state = 'open') = (closed_at is null)),
    constraint repaid_by_a_document check ((state = 'repaid') = (document is not null))
);
create unique index one_claim_per_reference on money_claim (reference) where state <> 'withdrawn';
create index money_claim_by_participant on money_claim (participant_id);
comment on table money_claim is 'Money that was paid in vain and is to come back: the claims on a reference are numbered.';
create trigger a_claim_changes_only_when_it_is_closed after update on money_claim for each row
    when (old.state <> 'open' or new.state = 'open'
          or (old.opened_at, old.due_at, old.amount, old.lane, old.number, old.debtor, old.reason, old.reference,
              old.redeem_code, old.benefit, old.participant_id)
             is distinct from (new.opened_at, new.due_at, new.amount, new.lane, new.number, new.debtor, new.reason,
                               new.reference, new.redeem_code, new.benefit, new.participant_id))
    execute function refuse_change_of_final();
create trigger claims_on_money_stay before delete or truncate on money_claim for each statement execute function refuse_change();

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
    if new.state = 'cancelled' and exists (
        select from approval a
        where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt + 1) and a.second is not null) then
        return null;
    end if;
    raise exception 'nobody approved %', new.reference using errcode = 'restrict_violation';
end $$;

alter table transfer
    drop constraint accounts_of_the_books,
    add constraint accounts_of_the_books check (
        debit ~ '^(treasury|appropriation|claims|returned|(reserved|clearing|paid):[a-z0-9_]+)$'
        and credit ~ '^(treasury|appropriation|claims|returned|(reserved|clearing|paid):[a-z0-9_]+)$');
