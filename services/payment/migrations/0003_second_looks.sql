-- A right that a person must look at is frozen: a fact of its own, whatever it is held for. What partners said against
-- their own final words, what persons approved or confirmed, and by how much a wave is overdrawn are kept as rows.
-- Locks `disbursement`, `attempt` and `funds` until it is done; rows that are held are read once, the others never.

create table contradiction (
    reference           text        not null,
    partner             text        not null,
    status              text        not null,
    amount              bigint      not null,
    reason              text        not null,
    redeem_code         text        not null,
    benefit             text        not null,
    attempt             smallint    not null,
    partner_reference   text,
    reported_at         timestamptz not null,
    noted_at            timestamptz not null,
    primary key (reference, partner, status, amount, reason)
);
create index contradiction_by_right on contradiction (redeem_code, benefit);
comment on table contradiction is 'What a partner said that does not go together with what was known of a reference; its record is parked. An empty reason for none.';
comment on column contradiction.attempt is 'The latest attempt of the right at that time.';

create table approval (
    redeem_code         text        not null,
    benefit             text        not null,
    attempt             smallint    not null check (attempt > 0),
    amount              bigint      not null,
    partner             text        not null,
    account_version     bigint      not null,
    who                 text        not null,
    second              text        check (lower(trim(second)) <> lower(trim(who))),
    at                  timestamptz not null,
    primary key (redeem_code, benefit, attempt)
);
comment on column approval.second is 'The second person, where it took two.';
comment on table approval is 'What operators let go: this attempt, with exactly this content. Void, and gone, when the content changes before the attempt is made.';

create table confirmation (
    reference           text        primary key,
    redeem_code         text        not null,
    benefit             text        not null,
    who                 text        not null,
    second              text        not null check (lower(trim(second)) <> lower(trim(who))),
    at                  timestamptz not null,
    unique (redeem_code, benefit)
);
comment on table confirmation is 'Two persons know that the money did go out under this reference, which its partner had rejected.';

alter table attempt add column adopted boolean not null default false;
comment on column attempt.adopted is 'Our own topic said that it was made; it binds, whoever had let it go.';
update attempt set adopted = true where redeem_code is null;

alter table funds add column overdrawn bigint not null default 0;
comment on column funds.overdrawn is 'What was confirmed and is not covered: it shrinks when money comes or is given back, and grows by confirmations alone.';
alter table funds drop constraint never_more_than_appropriated;
alter table funds add constraint never_more_than_appropriated
    check (drawn >= 0 and overdrawn = greatest(drawn - appropriated, 0));

-- An approval that was not bound to what it approved is void.
alter table disbursement drop column approved;
alter table disbursement add column frozen boolean not null default false;
comment on column disbursement.frozen is 'A person must look before another attempt: only an approval, a final word or a confirmation ends it.';
update disbursement d set frozen = true
from attempt a
where d.reason is not null and a.reference = d.reference and a.reason in ('AM05', 'FR01', 'FRAD', 'RR04');

-- Attempts that followed such a verdict on an operator's word, before approvals were rows.
insert into approval (redeem_code, benefit, attempt, amount, partner, account_version, who, at)
select a.redeem_code, a.benefit, a.number, a.amount, a.partner, 0, string_agg(o.who, ', ' order by o.number), max(o.at)
from attempt a
join attempt before on before.redeem_code = a.redeem_code and before.benefit = a.benefit and before.number = a.number - 1
    and before.reason in ('AM05', 'FR01', 'FRAD', 'RR04')
join operation o on o.verb = 'approve' and o.detail ->> 'redeem_code' = a.redeem_code and o.detail ->> 'benefit' = a.benefit
group by a.redeem_code, a.benefit, a.number, a.amount, a.partner;

create function refuse_unless_approved() returns trigger language plpgsql as $$
begin
    if new.state = 'instructed' and new.attempt = old.attempt + 1 and (
        new.frozen and exists (select from attempt a where a.reference = new.reference and a.adopted)
        or exists (select from approval a
                   where (a.redeem_code, a.benefit, a.attempt) = (new.redeem_code, new.benefit, new.attempt)
                     and (a.amount, a.partner, a.account_version) = (new.amount, new.partner, new.tried_version)
                     and a.second is not null)) then
        return null;
    end if;
    raise exception 'nobody approved %', new.reference using errcode = 'restrict_violation';
end $$;
create function refuse_unless_confirmed() returns trigger language plpgsql as $$
begin
    if old.frozen and exists (
        select from confirmation c join attempt a using (reference, redeem_code, benefit)
        where (c.reference, c.redeem_code, c.benefit) = (new.reference, new.redeem_code, new.benefit)
          and (a.amount, a.partner) = (new.amount, new.partner) and a.rejected_at is not null) then
        return null;
    end if;
    raise exception 'nobody confirmed %', new.reference using errcode = 'restrict_violation';
end $$;
create function refuse_unless_confirmed_so_much() returns trigger language plpgsql as $$
begin
    if new.overdrawn <= (select coalesce(sum(d.amount), 0) from confirmation c join disbursement d using (redeem_code, benefit)
                         where d.wave = new.wave and d.component = new.component) then
        return null;
    end if;
    raise exception 'nobody confirmed so much of wave %', new.wave using errcode = 'restrict_violation';
end $$;

create trigger a_frozen_right_goes_only_approved after update on disbursement
    for each row when (old.frozen and new.state <> 'settled' and (not new.frozen or new.attempt <> old.attempt))
    execute function refuse_unless_approved();
create trigger a_held_right_is_settled_only_confirmed after update on disbursement
    for each row when (old.state = 'held' and new.state = 'settled') execute function refuse_unless_confirmed();
create trigger only_what_was_confirmed_is_overdrawn after update on funds
    for each row when (new.overdrawn > old.overdrawn) execute function refuse_unless_confirmed_so_much();
create trigger contradictions_are_append_only before update or delete or truncate on contradiction
    for each statement execute function refuse_change();
create trigger confirmations_are_append_only before update or delete or truncate on confirmation
    for each statement execute function refuse_change();
alter table disbursement add constraint nothing_final_is_frozen check (not frozen or state not in ('settled', 'failed'));
