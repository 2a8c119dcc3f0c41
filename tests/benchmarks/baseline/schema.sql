-- The tables of the baseline, one schema for each of its services.
create schema baseline_enrollment;
create schema baseline_completion;
create schema baseline_payment;

create table baseline_enrollment.nik (identity_index bytea primary key, participant_id text not null);
create table baseline_enrollment.admission (
    participant_id text primary key,
    wave           text not null,
    balance        bigint not null check (balance > 0),
    regency        text not null,
    admitted_at    timestamptz not null,
    identity_index bytea not null
);
create table baseline_enrollment.account (
    participant_id text primary key,
    partner        text not null,
    verified       boolean not null,
    same_identity  boolean not null,
    linked_at      timestamptz not null
);
create table baseline_enrollment.enrollment (
    redeem_code    text primary key,
    participant_id text not null references baseline_enrollment.admission,
    provider_id    text not null,
    course_code    text not null,
    price          bigint not null check (price > 0),
    purchased_at   timestamptz not null,
    ends_at        timestamptz not null,
    completed_at   timestamptz,
    rated_at       timestamptz
);
create index on baseline_enrollment.enrollment (participant_id);

create table baseline_completion.training (
    redeem_code    text primary key,
    participant_id text not null,
    provider_id    text not null,
    scheme         text not null,
    scheme_version integer not null,
    terms          bytea not null,
    completed_at   timestamptz,
    digest         bytea
);
create table baseline_completion.evidence (
    redeem_code text not null references baseline_completion.training,
    kind        text not null,
    part        bigint not null,
    happened_at timestamptz not null,
    seen_at     timestamptz not null,
    source      text not null,
    id          text not null,
    primary key (redeem_code, kind, part)
);

create table baseline_payment.provider (provider_id text primary key, partner text not null, account text not null);
create table baseline_payment.account (
    participant_id text primary key,
    partner        text not null,
    account        text not null,
    payable        boolean not null,
    linked_at      timestamptz not null
);
create table baseline_payment.enrollment (
    redeem_code    text primary key,
    participant_id text not null,
    wave           text not null,
    provider_id    text not null,
    terms          bytea not null,
    completed_at   timestamptz,
    rated_at       timestamptz
);
create index on baseline_payment.enrollment (participant_id);
create table baseline_payment.disbursement (
    redeem_code    text not null references baseline_payment.enrollment,
    benefit        text not null,
    participant_id text not null,
    wave           text not null,
    payee          text not null,
    amount         bigint not null check (amount > 0),
    state          text not null,
    reference      text not null,
    partner        text not null,
    changed_at     timestamptz not null,
    primary key (redeem_code, benefit)
);
create unique index on baseline_payment.disbursement (participant_id) where benefit = 'incentive_1';
create table baseline_payment.attempt (
    reference         text primary key,
    redeem_code       text not null,
    benefit           text not null,
    account           text not null,
    instructed_at     timestamptz not null,
    answer_by         timestamptz not null,
    accepted_at       timestamptz,
    settled_at        timestamptz,
    partner_reference text
);
create table baseline_payment.transfer (
    number    bigint generated always as identity primary key,
    wave      text not null,
    debit     text not null,
    credit    text not null,
    amount    bigint not null check (amount > 0),
    reference text not null,
    at        timestamptz not null
);
