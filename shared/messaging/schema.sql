-- What the migrations of shared.messaging add up to. Generated: change the migrations instead.

create table claim (
    kind  text not null,
    key   text not null,
    owner text not null,
    constraint claim_pkey PRIMARY KEY (kind, key)
);
CREATE TRIGGER claims_stand BEFORE DELETE ON claim FOR EACH ROW EXECUTE FUNCTION refuse_to_free_a_claim();
comment on table claim is 'Keys that are unique across lanes, for ever.';

create table consent (
    verb    text                     not null,
    subject text                     not null,
    content text                     not null,
    who     text                     not null,
    at      timestamp with time zone not null,
    constraint consent_pkey PRIMARY KEY (verb, subject)
);
comment on table consent is 'The word of a first person, for verbs that need two. It holds for exactly this content, and goes when the second one acts.';

create table era (
    topic          text     not null,
    lane           smallint not null,
    era            bigint   not null,
    first_sequence bigint   not null,
    follows        bigint   not null,
    constraint era_pkey PRIMARY KEY (topic, lane, era),
    constraint era_first_sequence_check CHECK ((first_sequence >= 1)),
    constraint era_follows_check CHECK ((follows >= 0))
);
comment on table era is 'Eras of the topics written and read, for ever: topic, lane, era and number are the id of an event.';
comment on column era.follows is 'The last number of the era before, as it was written or read; it is not smaller than first_sequence where a restored producer gave numbers again.';

create table fingerprint (
    name  text                     not null,
    value text                     not null,
    since timestamp with time zone not null default clock_timestamp(),
    constraint fingerprint_pkey PRIMARY KEY (name)
);
CREATE TRIGGER what_is_fixed_stays BEFORE DELETE ON fingerprint FOR EACH ROW WHEN (((old.name !~~ '%/%'::text) AND (old.name !~~ '%-chain'::text))) EXECUTE FUNCTION refuse_to_forget();
comment on table fingerprint is 'What these data were made with. A key stands here as a keyed hash that gives nothing of it away.';

create table lane (
    lane              smallint                 not null,
    era               bigint                   not null default 0,
    stopped_reason    text,
    stopped_detail    text,
    stopped_at        timestamp with time zone,
    set_aside         boolean                  not null default false,
    catching_up_since timestamp with time zone,
    remembers         boolean                  not null default false,
    queues            text[]                   not null default '{}'::text[],
    constraint lane_pkey PRIMARY KEY (lane),
    constraint a_stop_has_its_time CHECK (((stopped_reason IS NULL) = (stopped_at IS NULL)))
);
comment on table lane is 'One row per lane: its writer holds the row lock. era grows with every writing session.';
comment on column lane.set_aside is 'Records of this lane from external topics wait under (lane, n) and come first.';
comment on column lane.catching_up_since is 'Something was adopted from our own topics after a restore; null again when the inputs are read through.';
comment on column lane.remembers is 'Something said in this lane before a restore may still be kept in `remembered`.';
comment on column lane.queues is 'Kinds of what waits of which later records queue behind older ones.';

create table migration (
    component  text                     not null,
    number     integer                  not null,
    name       text                     not null,
    checksum   text                     not null,
    applied_at timestamp with time zone not null,
    constraint migration_pkey PRIMARY KEY (component, number)
);

create table operation (
    number        bigint                   not null,
    at            timestamp with time zone not null,
    verb          text                     not null,
    who           text                     not null,
    why           text                     not null,
    detail        jsonb                    not null,
    previous_hash bytea                    not null,
    hash          bytea                    not null,
    constraint operation_pkey PRIMARY KEY (number),
    constraint operation_who_check CHECK ((who <> ''::text)),
    constraint operation_why_check CHECK ((why <> ''::text))
);
CREATE TRIGGER operation_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON operation FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table operation is 'What operators did, each row sealing the one before.';

create table operation_head (
    only_one boolean not null default true,
    number   bigint  not null,
    hash     bytea   not null,
    seal     bytea,
    constraint operation_head_pkey PRIMARY KEY (only_one),
    constraint operation_head_only_one_check CHECK (only_one)
);
comment on table operation_head is 'The last row of the log; who adds to it holds this one.';
comment on column operation_head.seal is 'HMAC over service, chain, number and hash, under a key that is not here.';

create table page (
    topic          text                     not null,
    lane           smallint                 not null,
    era            bigint                   not null,
    era_first      bigint                   not null,
    first_sequence bigint                   not null,
    last_sequence  bigint                   not null,
    said_at        timestamp with time zone not null,
    adopted        boolean                  not null default false,
    events         bytea                    not null,
    constraint page_pkey PRIMARY KEY (topic, lane, first_sequence, era),
    constraint page_check CHECK ((last_sequence >= first_sequence))
);
CREATE INDEX page_by_age ON page USING btree (said_at);
comment on table page is 'What one transaction wrote to one topic in one lane: the outbox, and the source to say it again.';

create table parked (
    id          bigint                   not null generated always as identity,
    reason      text                     not null,
    detail      text                     not null,
    lane        smallint,
    topic       text                     not null,
    partition   smallint                 not null,
    "offset"    bigint                   not null,
    ce_id       text,
    ce_source   text,
    ce_type     text,
    size        integer                  not null,
    sha256      bytea                    not null,
    sealed      text                     not null,
    parked_at   timestamp with time zone not null,
    replayed_at timestamp with time zone,
    closed_at   timestamp with time zone,
    whole       boolean                  not null default true,
    person      text,
    constraint parked_pkey PRIMARY KEY (id)
);
CREATE INDEX parked_of_person ON parked USING btree (person) WHERE (person <> ''::text);
CREATE UNIQUE INDEX parked_once ON parked USING btree (topic, partition, "offset") WHERE (replayed_at IS NULL);
CREATE INDEX parked_open ON parked USING btree (reason) WHERE ((replayed_at IS NULL) AND (closed_at IS NULL));
comment on table parked is 'Records that broke a rule, with their bytes sealed.';
comment on column parked.whole is 'False: of the record only the first 64 KiB are kept, or it is a record batch that could not be taken apart.';
comment on column parked.person is 'Under whose key its bytes are sealed; empty: nobody is known, so under the service''s own. Null: not asked yet.';

create table personal_key (
    person text  not null,
    secret bytea,
    constraint personal_key_pkey PRIMARY KEY (person),
    constraint personal_key_secret_check CHECK ((length(secret) = 32))
);
CREATE TRIGGER a_personal_key_goes_for_ever BEFORE UPDATE ON personal_key FOR EACH ROW WHEN (((new.secret IS NOT NULL) OR (old.person <> new.person))) EXECUTE FUNCTION refuse_another_key();
CREATE TRIGGER personal_keys_stay BEFORE DELETE OR TRUNCATE ON personal_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
comment on table personal_key is 'A secret per person of whom something was parked: with the service''s key it makes the key of that person.';
comment on column personal_key.secret is 'Null once the person was erased, for ever: what lies under the key cannot be opened any more.';

create table "position" (
    topic             text                     not null,
    partition         smallint                 not null,
    next_offset       bigint                   not null default 0,
    era               bigint                   not null default 0,
    last_sequence     bigint                   not null default 0,
    last_offset       bigint,
    last_digest       bytea,
    gap_since         timestamp with time zone,
    stopped_reason    text,
    unreadable_offset bigint,
    unreadable_why    text,
    pass_offset       bigint,
    ahead_era         bigint                   not null default 0,
    ahead_sequence    bigint                   not null default 0,
    constraint position_pkey PRIMARY KEY (topic, partition),
    constraint only_unreadable_passes CHECK (((pass_offset IS NULL) OR (pass_offset = unreadable_offset))),
    constraint position_next_offset_check CHECK ((next_offset >= 0)),
    constraint unreadable_says_why CHECK (((unreadable_offset IS NULL) = (unreadable_why IS NULL)))
);
comment on table "position" is 'Where this service stopped reading; moves only with the effect, by compare-and-set.';
comment on column "position".last_digest is 'Short hash of the record at last_offset: is it still our topic?';
comment on column "position".unreadable_offset is 'Where a record lies that has the next number and cannot be read: reading goes back to it when the lane is resumed.';
comment on column "position".pass_offset is 'Two persons have let the record there pass: it is parked, and its number taken.';
comment on column "position".ahead_sequence is 'The highest number passed by without effect since one was missing: until it has been said again, not all that was read has taken effect.';

create table publication (
    topic          text     not null,
    lane           smallint not null,
    published      bigint   not null default 0,
    mark_offset    bigint,
    mark_id        text,
    say_again_from bigint,
    unseen_from    bigint,
    unseen_to      bigint,
    constraint publication_pkey PRIMARY KEY (topic, lane)
);
comment on table publication is 'How far a lane is in Kafka, and where its last acknowledged record stands. Apart from the lane row, so that noting it waits for nobody.';
comment on column publication.unseen_from is 'From here on, up to unseen_to, records stand among ours that this process did not write. Null: none.';

create table remembered (
    type  text not null,
    key   text not null,
    owner text not null,
    data  json not null,
    constraint remembered_pkey PRIMARY KEY (type, key)
);
CREATE INDEX remembered_by_owner ON remembered USING btree (owner);
comment on table remembered is 'What this service had said before its database was restored, and what caused it has not been read again.';
comment on column remembered.key is 'What it is about: one decision has one key.';
comment on column remembered.owner is 'Whom it is about, as in the key of the event.';

create table replica (
    name  text   not null,
    since bigint not null,
    constraint replica_pkey PRIMARY KEY (name)
);
comment on table replica is 'Which process runs under a name: the one that came last. An earlier one that wakes up ends itself.';

create table sequence (
    topic         text     not null,
    lane          smallint not null,
    next_sequence bigint   not null default 1,
    era_first     bigint   not null default 1,
    constraint sequence_pkey PRIMARY KEY (topic, lane),
    constraint sequence_lane_fkey FOREIGN KEY (lane) REFERENCES lane(lane),
    constraint sequence_check CHECK (((era_first >= 1) AND (era_first <= next_sequence))),
    constraint sequence_next_sequence_check CHECK ((next_sequence >= 1))
);
comment on table sequence is 'The next number of each topic and lane, drawn under the lane lock, gapless because it commits with the page.';

create table waiting (
    id        bigint                   not null generated always as identity,
    lane      smallint                 not null,
    kind      text                     not null,
    key       text                     not null,
    owner     text                     not null,
    topic     text                     not null,
    partition smallint                 not null,
    "offset"  bigint                   not null,
    since     timestamp with time zone not null,
    due       timestamp with time zone,
    record    bytea                    not null,
    digest    bytea,
    person    text,
    constraint waiting_pkey PRIMARY KEY (id)
);
CREATE INDEX waiting_by_due ON waiting USING btree (lane, kind, due) WHERE (due IS NOT NULL);
CREATE INDEX waiting_in_order ON waiting USING btree (kind, key, lane, id);
CREATE INDEX waiting_of_person ON waiting USING btree (person) WHERE (person IS NOT NULL);
CREATE UNIQUE INDEX waiting_once ON waiting USING btree (kind, key, owner, digest);
comment on table waiting is 'Records that refer to something not yet known, under the key they wait for. No due time: it waits for an internal event, or for its lane.';
comment on column waiting.lane is 'Whose sweep takes it up; -1: of no lane, taken up with lane 0.';
comment on column waiting.digest is 'Of type and value: identical records under a key have one place. Null: each keeps its own.';
comment on column waiting.person is 'Whom the record is about, if it holds a seal or is replayed: an erasure ends it. Null: it holds nothing personal.';

create table woken (
    turn bigint   not null generated always as identity,
    lane smallint not null,
    kind text     not null,
    key  text     not null,
    upto bigint   not null,
    constraint woken_pkey PRIMARY KEY (lane, kind, key)
);
CREATE UNIQUE INDEX woken_by_turn ON woken USING btree (turn);
comment on table woken is 'Keys of which a lane''s sweep takes up what waits, up to the row that was the last when they were woken. After a portion a key goes to the end of the turns.';

CREATE OR REPLACE FUNCTION refuse_another_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception 'the key of a person is destroyed, or stays' using errcode = 'restrict_violation'; end $function$;

CREATE OR REPLACE FUNCTION refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end $function$;

CREATE OR REPLACE FUNCTION refuse_to_forget()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception '% is fixed for the life of these data', old.name using errcode = 'restrict_violation'; end $function$;

CREATE OR REPLACE FUNCTION refuse_to_free_a_claim()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
    this bigint := pg_current_xact_id()::text::bigint;
    since bigint := (old.xmin::text::bigint - this) & 4294967295;
begin
    -- Not made before this transaction, and not committed: whoever sees it then has made it.
    if since < 2147483648 and pg_xact_status((this + since)::text::xid8) = 'in progress' then
        return old;
    end if;
    raise exception 'a claim of kind % stands for ever', old.kind using errcode = 'restrict_violation';
end $function$;
