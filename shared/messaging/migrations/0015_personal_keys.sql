-- Why: the bytes of a parked record are sealed under a key of the person whom it is about, so that an erasure destroys
-- all of them at once, wherever they stand. Locks `parked` for a moment; `migrate` reseals what is parked by then.
create table personal_key (
    person  text    primary key,
    secret  bytea   check (length(secret) = 32)
);
comment on table personal_key is 'A secret per person of whom something was parked: with the service''s key it makes the key of that person.';
comment on column personal_key.secret is 'Null once the person was erased, for ever: what lies under the key cannot be opened any more.';
create function refuse_another_key() returns trigger language plpgsql as
$$ begin raise exception 'the key of a person is destroyed, or stays' using errcode = 'restrict_violation'; end $$;
create trigger a_personal_key_goes_for_ever before update on personal_key for each row
    when (new.secret is not null or old.person <> new.person) execute function refuse_another_key();
create trigger personal_keys_stay before delete or truncate on personal_key for each statement execute function refuse_change();

alter table parked add column person text;
comment on column parked.person is 'Under whose key its bytes are sealed; empty: nobody is known, so under the service''s own. Null: not asked yet.';
