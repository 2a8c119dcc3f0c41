-- A completion can be revoked: what is bought afterwards finds its previous training not completed.
-- Locks `enrollment` while it is read once, for its check.

alter table enrollment
    add column revoked_at timestamptz,
    drop constraint only_the_confirmed_are_completed,
    add constraint only_the_confirmed_are_completed check
        (state = 'confirmed' or (completed_at is null and rated_at is null and revoked_at is null));
