-- Participants who were erased, of whom nothing personal is kept. Locks no table.

create table erasure (
    participant_id  text        primary key,
    lane            smallint    not null,
    erased_at       timestamptz not null,
    carried_by      bigint
);
comment on table erasure is 'A participant who was erased, for ever: no account of theirs is kept or announced any more.';
comment on column erasure.carried_by is
    'The number of the event on enrollment.events that announced it; null: it was announced before a restore.';
create trigger erasure_is_final before update or delete on erasure for each row execute function keep_final();

comment on column account.sealed is
    'Under this service''s own key, for this person, partner and time. Empty once the person was erased; so is identity_index.';
