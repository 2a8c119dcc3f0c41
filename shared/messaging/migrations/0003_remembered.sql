-- After a restore: what this service had said stays binding, by the person it is about, until its cause is read again.
-- Locks `lane` for a moment; a column with a constant default changes no row.

alter table lane add column remembers boolean not null default false;
comment on column lane.remembers is 'Something said in this lane before a restore may still be kept in `remembered`.';

create table remembered (
    type            text        not null,
    key             text        not null,
    owner           text        not null,
    data            json        not null,
    primary key (type, key)
);
create index remembered_by_owner on remembered (owner);
comment on table remembered is 'What this service had said before its database was restored, and what caused it has not been read again.';
comment on column remembered.key is 'What it is about: one decision has one key.';
comment on column remembered.owner is 'Whom it is about, as in the key of the event.';
