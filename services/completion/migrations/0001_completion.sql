-- The tables of the completion service. Locks nothing: all tables are new.
-- Nothing personal is here: participants, sources and events are named by their ids.

create type enrollment_state as enum ('open', 'completed', 'not_completed', 'rejected');
create type evidence_kind as enum
    ('session_attended', 'post_test_taken', 'work_graded', 'certificate_issued', 'training_rated');

-- What is decided about an open one changes no indexed column, and finds room on the same page; the columns that it
-- changes stand together, so that the log need not repeat the others.
create table enrollment (
    redeem_code     text        primary key,
    participant_id  text        not null,
    lane            smallint    not null,
    provider_id     text,
    scheme          text,
    scheme_version  integer,
    rule            json,
    known_at        timestamptz not null,
    state           enrollment_state not null,
    decided_at      timestamptz,
    completed_at    timestamptz,
    digest          bytea,
    constraint only_the_rejected_have_no_terms check ((state = 'rejected')
        = (provider_id is null and scheme is null and scheme_version is null and rule is null)),
    constraint terms_come_whole check (num_nulls(provider_id, scheme, scheme_version, rule) in (0, 4)),
    constraint only_the_open_are_undecided check ((state = 'open') = (decided_at is null)),
    constraint only_the_completed_are_completed check
        (num_nulls(completed_at, digest) = case state when 'completed' then 0 else 2 end)
) with (fillfactor = 47);
create index enrollment_by_participant on enrollment (participant_id);
comment on table enrollment is 'One place in one training, the rule it carries, and whether it was completed. One row, one completion.';
comment on column enrollment.rule is 'What completes it, as the enrollment service confirmed it.';
comment on column enrollment.digest is 'SHA-256 of what completion_confirmed said, the digest left out.';

create table deadline (
    due_at          timestamptz not null,
    lane            smallint    not null,
    redeem_codes    text[]      not null
);
create index deadline_by_time on deadline (lane, due_at);
comment on table deadline is 'Midnight in Jakarta after which what is missing is missing for ever: a row per lane, date and transaction, not one per enrollment.';

create table evidence (
    happened_at     timestamptz not null,
    seen_at         timestamptz not null,
    part            bigint      not null check (part >= 0),
    kind            evidence_kind not null,
    redeem_code     text        not null,
    source          text        not null,
    id              text        not null,
    primary key (redeem_code, kind, part)
);
comment on table evidence is 'Facts that count, the first of each business key. What does not count leaves no row.';
comment on column evidence.part is 'The number of the session, the time of a test or of graded work in microseconds, 0 for what exists once.';
comment on column evidence.seen_at is 'When it was accepted.';

create table tally (
    lane            smallint    not null,
    state           enrollment_state not null,
    enrollments     bigint      not null check (enrollments > 0),
    primary key (lane, state)
);
comment on table tally is 'How many enrollments of each lane ever came to be in which state, so that nobody has to count them.';

create table said (
    redeem_code     text        not null,
    type            text        not null,
    data            bytea       not null,
    primary key (redeem_code, type)
);
comment on table said is 'What this service had said before its database was restored, as it was said. Empty until then.';

create function keep_final() returns trigger language plpgsql as
    $$ begin raise exception 'what % holds is final', tg_table_name using errcode = 'restrict_violation'; end $$;
create trigger enrollment_is_final after update on enrollment
    for each row when (old.state <> 'open') execute function keep_final();
create trigger enrollment_is_kept before delete on enrollment
    for each row execute function keep_final();
create trigger evidence_is_kept before update or delete on evidence
    for each row execute function keep_final();
