-- What rests sealed, rests under this service's own key from here on. `migrate` seals again what is there, and what waits
-- since before this was applied. Locks `account` against writes while the index is made: one reading of the table.

comment on column account.sealed is 'Under this service''s own key, for this person, partner and time.';
create index account_kept on account (participant_id) where sealed is not null;
