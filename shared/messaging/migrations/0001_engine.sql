-- The engine's tables, in every service's own schema. Locks nothing: all tables are new.
-- A lane is a Kafka partition number; its row is locked by whoever writes in it.

create table lane (
    lane            smallint primary key,
    era             bigint      not null default 0,
    stopped_reason  text,
    stopped_detail  text,
    stopped_at      timestamptz,
    set_aside       boolean     not null default false,
    catching_up_since timestamptz,
    constraint a_stop_has_its_time check ((stopped_reason is null) = (stopped_at is null))
);
comment on table lane is 'One row per lane: its writer holds the row lock. era grows with every writing session.';
comment on column lane.set_aside is 'Records of this lane from external topics wait under (lane, n) and come first.';
comment on column lane.catching_up_since is 'Something was adopted from our own topics after a restore; null again when the inputs are read through.';

create table sequence (
    topic           text        not null,
    lane            smallint    not null references lane,
    next_sequence   bigint      not null default 1 check (next_sequence >= 1),
    era_first       bigint      not null default 1 check (era_first between 1 and next_sequence),
    primary key (topic, lane)
);
comment on table sequence is 'The next number of each topic and lane, drawn under the lane lock, gapless because it commits with the page.';

create table page (
    topic           text        not null,
    lane            smallint    not null,
    era             bigint      not null,
    era_first       bigint      not null,
    first_sequence  bigint      not null,
    last_sequence   bigint      not null check (last_sequence >= first_sequence),
    said_at         timestamptz not null,
    adopted         boolean     not null default false,
    events          bytea       not null,
    primary key (topic, lane, first_sequence, era)
);
alter table page alter column events set storage external;
create index page_by_age on page (said_at);
comment on table page is 'What one transaction wrote to one topic in one lane: the outbox, and the source to say it again.';

create table publication (
    topic           text        not null,
    lane            smallint    not null,
    published       bigint      not null default 0,
    mark_offset     bigint,
    mark_id         text,
    say_again_from  bigint,
    primary key (topic, lane)
);
comment on table publication is 'How far a lane is in Kafka, and where its last acknowledged record stands. Apart from the lane row, so that noting it waits for nobody.';

create table position (
    topic           text        not null,
    partition       smallint    not null,
    next_offset     bigint      not null default 0 check (next_offset >= 0),
    era             bigint      not null default 0,
    last_sequence   bigint      not null default 0,
    last_offset     bigint,
    last_digest     bytea,
    gap_since       timestamptz,
    stopped_reason  text,
    primary key (topic, partition)
);
comment on column position.last_digest is 'Short hash of the record at last_offset: is it still our topic?';
comment on table position is 'Where this service stopped reading; moves only with the effect, by compare-and-set.';

create table claim (
    kind            text        not null,
    key             text        not null,
    owner           text        not null,
    primary key (kind, key)
);
comment on table claim is 'Keys that are unique across lanes, for ever.';

create table waiting (
    id              bigint      generated always as identity primary key,
    lane            smallint,
    kind            text        not null,
    key             text        not null,
    owner           text        not null,
    topic           text        not null,
    partition       smallint    not null,
    "offset"        bigint      not null,
    since           timestamptz not null,
    due             timestamptz,
    record          bytea       not null
);
create index waiting_by_key on waiting (kind, key, owner);
create index waiting_by_due on waiting (lane, due) where due is not null;
comment on table waiting is 'Records that refer to something not yet known, under the key they wait for. No due time: it waits for an internal event, or for its lane.';

create table parked (
    id              bigint      generated always as identity primary key,
    reason          text        not null,
    detail          text        not null,
    lane            smallint,
    topic           text        not null,
    partition       smallint    not null,
    "offset"        bigint      not null,
    ce_id           text,
    ce_source       text,
    ce_type         text,
    size            integer     not null,
    sha256          bytea       not null,
    sealed          text        not null,
    parked_at       timestamptz not null,
    replayed_at     timestamptz,
    closed_at       timestamptz
);
create unique index parked_once on parked (topic, partition, "offset") where replayed_at is null;
create index parked_open on parked (reason) where replayed_at is null and closed_at is null;
comment on table parked is 'Records that broke a rule, with their bytes sealed.';

create table replica (
    name            text        primary key,
    since           bigint      not null
);
comment on table replica is 'Which process runs under a name: the one that came last. An earlier one that wakes up ends itself.';

create table operation (
    number          bigint      primary key,
    at              timestamptz not null,
    verb            text        not null,
    who             text        not null check (who <> ''),
    why             text        not null check (why <> ''),
    detail          jsonb       not null,
    previous_hash   bytea       not null,
    hash            bytea       not null
);
comment on table operation is 'What operators did, each row sealing the one before.';
create function refuse_change() returns trigger language plpgsql as
    $$ begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end $$;
create trigger operation_is_append_only before update or delete or truncate on operation
    for each statement execute function refuse_change();
