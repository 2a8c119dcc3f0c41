-- name: change_setting
-- For the rest of the session.
select set_config($1, $2, false);

-- name: change_known_setting
-- A setting that older servers do not have cannot be asked for while connecting.
select set_config(name, $2, false) from pg_settings where name = $1;

-- name: first_schema
-- The schema that unqualified names mean for this role, whether it exists or not.
select coalesce(nullif(btrim(split_part(current_setting('search_path'), ',', 1), ' "'), '$user'), current_user);

-- name: schema_exists
-- A role without the right to make its schema must not try to.
select exists (select from pg_namespace where nspname = $1);

-- name: create_schema
-- The name cannot be a parameter of the statement, so the server puts it into one.
select format('create schema %I', $1::text);
