-- The tables of the enrollment service. Locks nothing: all tables are new.
-- No NIK is stored, only its keyed index; content is remembered as a keyed digest.

create table wave (
    wave            text        primary key,
    scheme          text        not null,
    quota           bigint      not null check (quota > 0),
    opens_at        timestamptz not null,
    closes_at       timestamptz not null check (closes_at > opens_at),
    admitted        bigint      not null default 0,
    refused         bigint      not null default 0 check (refused >= 0),
    constraint quota_is_never_exceeded check (admitted between 0 and quota)
);
comment on table wave is 'A selection round. Its row is the counter of its quota, locked from the decision to the commit.';

create table admission (
    participant_id  text        not null,
    wave            text        not null,
    lane            smallint    not null,
    state           text        not null check (state in ('admitted', 'refused')),
    reason          text        check (reason in
                        ('nik_invalid', 'nik_already_admitted', 'age_out_of_range', 'wave_closed', 'wave_full')),
    scheme          text        not null,
    scheme_version  integer     not null,
    balance         bigint      check (balance > 0),
    regency         text        not null,
    admitted_at     timestamptz not null,
    decided_at      timestamptz not null,
    identity_index  bytea,
    content_digest  bytea       not null,
    primary key (participant_id, wave),
    constraint a_refusal_has_its_reason check ((state = 'refused') = (reason is not null)),
    constraint only_the_admitted_have_a_balance check ((state = 'admitted') = (balance is not null)),
    constraint only_the_admitted_are_remembered check ((state = 'admitted') = (identity_index is not null))
);
create unique index admission_once on admission (participant_id) where state = 'admitted';
comment on table admission is 'What was decided about a person and a wave, under which version of which scheme.';
comment on column admission.balance is 'Rupiah granted for trainings; what is left is this less the prices of confirmed enrollments.';
comment on column admission.identity_index is 'Keyed index of the NIK: comparing it with an account''s is all it is for.';

create table account (
    participant_id  text        primary key,
    lane            smallint    not null,
    partner         text        not null,
    verified        boolean     not null,
    linked_at       timestamptz not null,
    content_digest  bytea       not null,
    same_identity   boolean,
    sealed          text,
    identity_index  bytea,
    constraint announced_or_kept check
        ((same_identity is null) = (sealed is not null) and (same_identity is null) = (identity_index is not null))
);
comment on table account is 'The account linked last. Of somebody refused it is kept, still sealed, until an admission announces it.';

create table enrollment (
    redeem_code     text        primary key,
    participant_id  text        not null,
    lane            smallint    not null,
    state           text        not null check (state in ('undecided', 'confirmed', 'rejected')),
    reason          text        check (reason in
                        ('not_admitted', 'first_purchase_late', 'next_purchase_late', 'previous_not_completed',
                         'balance_insufficient', 'hours_too_few', 'class_too_large', 'mode_not_allowed', 'region_not_open')),
    scheme          text,
    scheme_version  integer,
    provider_id     text        not null,
    course_code     text        not null,
    price           bigint      not null check (price > 0),
    purchased_at    timestamptz not null,
    ends_at         timestamptz not null,
    decided_at      timestamptz not null,
    completed_at    timestamptz,
    rated_at        timestamptz,
    content_digest  bytea       not null,
    due_at          timestamptz,
    purchase        bytea,
    trace           text,
    constraint a_confirmed_one_needs_no_reason check ((state = 'confirmed') = (reason is null)),
    constraint a_scheme_unless_nobody_was_admitted check ((scheme is null) = (scheme_version is null)),
    constraint only_the_undecided_are_due check ((state = 'undecided') = (due_at is not null)),
    constraint only_the_undecided_are_kept_whole check ((state = 'undecided') = (purchase is not null)),
    constraint only_the_confirmed_are_completed check
        (state = 'confirmed' or (completed_at is null and rated_at is null))
) with (fillfactor = 48);
create index enrollment_by_participant on enrollment (participant_id);
create index enrollment_due on enrollment (lane, due_at) where state = 'undecided';
comment on table enrollment is 'One purchased place in one training. Undecided: will be rejected when due, for the reason given, unless what is still to be read says otherwise.';
comment on column enrollment.decided_at is 'When it came to be in this state.';
comment on column enrollment.purchase is 'The event as it came, until it is decided; it holds no personal data.';

create table tally (
    lane            smallint    not null,
    state           text        not null check (state in ('confirmed', 'rejected')),
    enrollments     bigint      not null check (enrollments > 0),
    primary key (lane, state)
);
comment on table tally is 'How many enrollments of each lane were decided which way, so that nobody has to count them.';

create function keep_final() returns trigger language plpgsql as
    $$ begin raise exception 'a decision of % is final', tg_table_name using errcode = 'restrict_violation'; end $$;
create trigger admission_is_final before update or delete on admission
    for each row execute function keep_final();
create trigger enrollment_is_final after update on enrollment
    for each row when (old.state <> 'undecided' and (old.state, old.reason, old.price, old.participant_id, old.content_digest)
        is distinct from (new.state, new.reason, new.price, new.participant_id, new.content_digest)) execute function keep_final();
