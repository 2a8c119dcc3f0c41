-- Why: statements of partners are compared with our instructions and the partners' reports. Their lines are kept, and
-- what disagrees is a break that ages until the books agree or persons have decided about it.
-- Locks nothing: all tables are new.
create type break_class as enum (
    'amount_differs', 'duplicate', 'late', 'missing_here', 'missing_there', 'returned', 'unknown');
create type break_state as enum ('open', 'resolved', 'closed');
create type line_kind as enum ('paid', 'returned', 'credited');

create table statement (
    id                  bigint      primary key,
    partner             text        not null,
    digest              bytea       not null check (length(digest) = 32),
    form                text        not null check (form in ('camt.053', 'csv')),
    from_at             timestamptz not null,
    until               timestamptz not null,
    lines               integer     not null check (lines >= 0),
    read_at             timestamptz not null,
    constraint statement_file unique (partner, digest),
    constraint a_period_has_a_length check (from_at < until)
);
comment on table statement is 'A statement of a partner that was read whole, by the SHA-256 of its file.';
comment on column statement.until is 'The first moment after its period.';

create table statement_line (
    statement           bigint      not null,
    booked_on           date        not null,
    number              integer     not null check (number > 0),
    amount              bigint      not null check (amount between 1 and 1000000000000),
    kind                line_kind   not null,
    reference           text        not null,
    partner_reference   text,
    reason              text,
    primary key (statement, number)
);
create index statement_line_by_reference on statement_line (reference);
comment on table statement_line is 'A payment, a return or a credit as a statement lists it. Written before its statement, in one transaction.';
comment on column statement_line.booked_on is 'A day in Jakarta.';

create table reconciliation_break (
    first_seen_at       timestamptz not null,
    ended_at            timestamptz,
    instructed          bigint,
    reported            bigint,
    stated              bigint,
    number              integer     not null check (number > 0),
    class               break_class not null,
    state               break_state not null default 'open',
    partner             text        not null,
    reference           text        not null,
    who                 text,
    second              text,
    why                 text,
    document            text,
    primary key (partner, reference, class, number),
    constraint ended_at_a_time check ((state = 'open') = (ended_at is null)),
    constraint closed_by_a_person check (
        (state = 'closed') = (who is not null) and (who is null) = (why is null) and (who is null) = (document is null)),
    constraint two_persons_where_money_moves check (
        state <> 'closed' or class = 'late' or second is not null),
    constraint two_are_not_one check (second is null or second <> who)
);
create unique index one_open_break on reconciliation_break (partner, reference, class) where state = 'open';
comment on table reconciliation_break is 'A disagreement about a reference. Found again with other amounts, or after its end, it is another row.';
comment on column reconciliation_break.first_seen_at is 'Kept when the amounts change: the age is that of the disagreement.';
comment on column reconciliation_break.who is 'Closed it, as the first where there are two.';

create trigger statements_are_append_only before update or delete or truncate on statement
    for each statement execute function refuse_change();
create trigger statement_lines_are_append_only before update or delete or truncate on statement_line
    for each statement execute function refuse_change();
create trigger breaks_stay before delete or truncate on reconciliation_break
    for each statement execute function refuse_change();
create trigger a_break_changes_only_to_its_end after update on reconciliation_break for each row
    when (old.state <> 'open'
          or (old.first_seen_at, old.instructed, old.reported, old.stated, old.number, old.class, old.partner, old.reference)
             is distinct from
             (new.first_seen_at, new.instructed, new.reported, new.stated, new.number, new.class, new.partner, new.reference))
    execute function refuse_change_of_final();
