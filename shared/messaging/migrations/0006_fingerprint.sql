-- What decides identity must not change under the data: keys, names and numbers are known again by their fingerprints.
-- Locks nothing: the table is new.

create table fingerprint (
    name            text        primary key,
    value           text        not null,
    since           timestamptz not null default clock_timestamp()
);
comment on table fingerprint is 'What these data were made with. A key stands here as a keyed hash that gives nothing of it away.';
