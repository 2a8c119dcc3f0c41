-- The tables of payment: what is known of people, trainings and providers; disbursements and their attempts; funds; the books.
-- Locks nothing: all tables are new. The engine's migrations come first; `refuse_change` is theirs.

create type component as enum ('training', 'incentive', 'survey');
create type payee as enum ('provider', 'participant');
create type state as enum ('held', 'instructed', 'accepted', 'settled', 'failed');
create type hold_reason as enum (
    'no_account', 'account_other_nik', 'account_unverified', 'account_full', 'account_closed', 'account_invalid',
    'no_provider_account', 'no_funds', 'needs_approval', 'partner_paused', 'halted', 'partner_rejected');
create type book_account as enum (
    'treasury', 'appropriation', 'reserved:training', 'reserved:incentive', 'reserved:survey',
    'clearing:bni', 'clearing:bca', 'clearing:ovo', 'clearing:gopay', 'clearing:linkaja', 'clearing:dana',
    'paid:fee', 'paid:incentive', 'paid:survey');

create table provider (
    provider_id         text        not null,
    version             integer     not null check (version > 0),
    partner             text        not null,
    account             text        not null,
    content             text        not null,
    primary key (provider_id, version)
);
comment on table provider is 'Accounts of record; the highest version counts.';
comment on column provider.account is 'Sealed as it came in.';
comment on column provider.content is 'Keyed hash of what the version says, seal opened: the same version with other content is a conflict.';

create table account (
    participant_id      text        primary key,
    lane                smallint    not null,
    partner             text        not null,
    account             text        not null,
    verified            boolean     not null,
    same_identity       boolean     not null,
    linked_at           timestamptz not null
);
comment on table account is 'The account a participant linked last, by the time of linking. Sealed as it came in, the header shortened.';

create table enrollment (
    redeem_code         text        primary key,
    participant_id      text        not null,
    lane                smallint    not null,
    wave                text        not null,
    provider_id         text        not null,
    benefits            json        not null,
    completed_at        timestamptz,
    completion_noted_at timestamptz,
    is_first            boolean     not null default false,
    rated_at            timestamptz,
    constraint a_completion_is_noted check ((completed_at is null) = (completion_noted_at is null)),
    constraint only_a_completed_training_is_first check (completed_at is not null or not is_first)
) with (fillfactor = 50);
create index enrollment_by_participant on enrollment (participant_id);
comment on table enrollment is 'One training of one participant, as far as money goes: what it promises and what has been reached.';
comment on column enrollment.benefits is 'Of each: benefit, amount in rupiah, payee, milestone, whether for the first training only.';

-- What a partner says of the latest attempt changes no indexed column, and finds room on the same page; the columns
-- that it changes stand together, so that the log need not repeat the others.
create table disbursement (
    amount              bigint      not null check (amount > 0),
    due_at              timestamptz not null,
    tried_version       bigint      not null,
    retry_at            timestamptz,
    changed_at          timestamptz not null,
    ask_at              timestamptz,
    accepted_at         timestamptz,
    settled_at          timestamptz,
    state               state       not null,
    partner_reference   text,
    payee               payee       not null,
    component           component   not null,
    reason              hold_reason,
    lane                smallint    not null,
    attempt             smallint    not null check (attempt >= 0),
    approved            boolean     not null default false,
    redeem_code         text        not null,
    benefit             text        not null,
    participant_id      text        not null,
    provider_id         text        not null,
    wave                text        not null,
    partner             text,
    reference           text,
    primary key (redeem_code, benefit),
    constraint held_for_a_reason check ((state = 'held') = (reason is not null)),
    constraint an_attempt_has_a_reference check ((attempt = 0) = (reference is null)),
    constraint only_held_without_an_attempt check (attempt > 0 or state = 'held'),
    constraint settled_at_a_time check ((state = 'settled') = (settled_at is not null)),
    constraint asked_at_a_partner check ((state in ('instructed', 'accepted')) = (ask_at is not null)),
    constraint retried_when_held check (retry_at is null or state = 'held')
) with (fillfactor = 45);
create unique index one_first_incentive_per_participant on disbursement (participant_id) where benefit = 'incentive_1';
create index disbursement_held on disbursement (lane, payee, reason, due_at) where reason is not null;
create index disbursement_retry on disbursement (lane, retry_at) where retry_at is not null;
comment on table disbursement is 'One payment of one benefit. Each right to money exists once, by these keys.';
comment on column disbursement.tried_version is 'Version of the account that the latest attempt went to; 0: none.';
comment on column disbursement.ask_at is 'When the partner is asked, if its final word has not come.';
comment on column disbursement.retry_at is 'When the clock tries again what only wants time.';
comment on column disbursement.accepted_at is 'As its partner says of the latest attempt; so are settled_at and partner_reference.';

create table attempt (
    amount              bigint      not null check (amount > 0),
    instructed_at       timestamptz not null,
    answer_by           timestamptz not null,
    accepted_at         timestamptz,
    rejected_at         timestamptz,
    lane                smallint    not null,
    number              smallint,
    reference           text        primary key,
    redeem_code         text,
    benefit             text,
    partner             text        not null,
    reason              text,
    partner_reference   text,
    account             text        not null,
    constraint adopted_or_ours check ((redeem_code is null) = (benefit is null) and (benefit is null) = (number is null))
);
create index attempt_only_adopted on attempt (lane) where redeem_code is null;
comment on table attempt is 'What a partner was told under a reference, unique for ever, and why it was rejected. How the latest stands, its disbursement says.';
comment on column attempt.redeem_code is 'Null while only our own topic says that the attempt was made (after a restore).';
comment on column attempt.account is 'The account sealed for the partner, as it was said; of a header that is like any other only the key''s name.';

create table reminder (
    look_at             timestamptz not null,
    lane                smallint    not null,
    redeem_codes        text[]      not null
);
create index reminder_by_time on reminder (lane, look_at);
comment on table reminder is 'Whom to look at, and when, until every partner has said its final word: a row per lane and transaction, not one per payment.';

create table tally (
    lane                smallint    not null,
    state               text        not null,
    partner             text        not null,
    benefit             text        not null,
    reason              text        not null,
    disbursements       bigint      not null,
    rupiah              bigint      not null,
    primary key (lane, state, partner, benefit, reason)
);
comment on table tally is 'How many disbursements stand where, counted as they move; an empty text for none.';

create table appropriation (
    document            text        not null,
    component           component   not null,
    wave                text        not null,
    amount              bigint      not null check (amount > 0),
    appropriated_at     timestamptz not null,
    primary key (document, component)
);
comment on table appropriation is 'Money the treasury gave to a wave, by document.';

create table funds (
    wave                text        not null,
    component           component   not null,
    appropriated        bigint      not null,
    drawn               bigint      not null default 0,
    primary key (wave, component),
    constraint never_more_than_appropriated check (drawn between 0 and appropriated)
);
comment on table funds is 'Money of a wave: given by the treasury, and drawn from it by the lanes.';

create table purse (
    lane                smallint    not null,
    wave                text        not null,
    component           component   not null,
    drawn               bigint      not null,
    spent               bigint      not null default 0,
    primary key (lane, wave, component),
    constraint never_more_than_drawn check (spent between 0 and drawn)
);
comment on table purse is 'A lane''s part of the money: drawn in blocks, spent by instructions, given back when a partner rejects.';

create table book (
    lane                smallint    primary key,
    number              bigint      not null,
    hash                bytea       not null
);
comment on table book is 'The last row of each book; -1 is the treasury''s own.';

create table transfer (
    number              bigint      not null check (number > 0),
    amount              bigint      not null check (amount > 0),
    at                  timestamptz not null,
    component           component   not null,
    debit               book_account not null,
    credit              book_account not null,
    lane                smallint    not null,
    wave                text        not null,
    reference           text,
    hash                bytea       not null,
    primary key (lane, number),
    constraint two_sides check (debit <> credit)
);
create index transfer_by_time on transfer using brin (at);
comment on table transfer is 'The books: value moves from credit to debit, each row seals the one before.';

create table halt (
    scope               text        primary key,
    since               timestamptz not null,
    who                 text        not null,
    why                 text        not null
);
comment on table halt is 'The operator''s switch: a partner, or all. What is due is held; intake goes on.';

create function refuse_change_of_final() returns trigger language plpgsql as
    $$ begin raise exception '% is final', tg_table_name using errcode = 'restrict_violation'; end $$;

-- After the update, which is undone then: a row trigger before it would lock, and log, every row first.
create trigger a_final_disbursement_never_changes after update on disbursement
    for each row when (old.state in ('settled', 'failed')) execute function refuse_change_of_final();
create trigger a_final_word_never_changes after update on attempt
    for each row when (old.rejected_at is not null
        or (old.reference, old.lane, old.partner, old.amount, old.account)
            is distinct from (new.reference, new.lane, new.partner, new.amount, new.account))
    execute function refuse_change_of_final();
create trigger disbursements_stay before delete or truncate on disbursement
    for each statement execute function refuse_change();
create trigger attempts_stay before delete or truncate on attempt
    for each statement execute function refuse_change();
create trigger transfers_are_append_only before update or delete or truncate on transfer
    for each statement execute function refuse_change();
