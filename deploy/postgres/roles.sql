-- The three services of Salur in one database: each owns the schema of its name and sees nothing of the others.
-- May be run again at any time. Passwords come as settings of the session, never in the text:
--   salur.enrollment_password, salur.completion_password, salur.payment_password
-- Run it as a superuser, connected to the database that the services will use.

-- Roles belong to the whole server and an advisory lock to one database: two databases prepared at once take
-- turns at the catalogue of roles itself, which everyone may go on reading.
BEGIN;
LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE;

DO $roles$
DECLARE
    service text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    FOREACH service IN ARRAY ARRAY['enrollment', 'completion', 'payment'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
            EXECUTE format('CREATE ROLE %I', service);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS PASSWORD %L',
            service,
            current_setting('salur.' || service || '_password')
        );
        EXECUTE format('ALTER ROLE %I SET search_path = %I', service, service);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), service);
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, service);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
    END LOOP;
END
$roles$;
COMMIT;
