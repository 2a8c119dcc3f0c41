-- name: lock_migrations
-- One process migrates a schema at a time; the others wait and then find nothing to do.
select pg_advisory_lock(hashtextextended('migrate ' || $1, 0));

-- name: create_migrations
-- The migrations applied: none is applied twice, and none is changed afterwards.
create table if not exists migration (
    component   text        not null,
    number      integer     not null,
    name        text        not null,
    checksum    text        not null,
    applied_at  timestamptz not null,
    primary key (component, number)
);

-- name: load_migrations
-- All that has been applied to this schema.
select component, number, checksum from migration order by component, number;

-- name: insert_migration
-- In the transaction of the migration itself.
insert into migration (component, number, name, checksum, applied_at) values ($1, $2, $3, $4, clock_timestamp());

-- name: lock_migration
-- No session reads the list while it is being added to.
lock table migration in access exclusive mode;

-- name: end_other_sessions
-- Of the service to which the schema belongs, in this database; other migrations wait for their turn.
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_schema() and application_name <> 'migrate';

-- name: service_of_schema
-- The role that works in the schema has its name.
select quote_ident(current_schema());

-- name: take_everything
-- Only the owner may do what the grants do not name.
select format('revoke all on all %1$s in schema %2$I from public, %2$I', objects, current_schema()) as statement
from unnest(array['tables', 'sequences', 'functions']) as objects;
