-- The three services of Salur in one database: each has the schema of its name and sees nothing of the others.
-- Two roles for each: `<service>_owner` owns schema and tables, and is the way in for migrations alone; `<service>` is the
-- service's own and may do what `migrate` grants to it.
-- May be run again at any time. Passwords come as settings of the session, never in the text:
--   salur.enrollment_password, salur.enrollment_owner_password, and so on
-- Run it as a superuser, connected to the database that the services will use.

-- Roles belong to the whole server and an advisory lock to one database: two databases prepared at once take
-- turns at the catalogue of roles itself, which everyone may go on reading.
BEGIN;
LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE;

DO $roles$
DECLARE
    service text;
    owner text;
    role text;
    name text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    -- By default every role may enter these databases; a service needs none of them.
    FOR name IN SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1') LOOP
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', name);
    END LOOP;

    FOREACH service IN ARRAY ARRAY['enrollment', 'completion', 'payment'] LOOP
        owner := service || '_owner';
        FOREACH role IN ARRAY ARRAY[service, owner] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I', role);
            END IF;
            EXECUTE format(
                'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOREPLICATION NOBYPASSRLS PASSWORD %L',
                role,
                current_setting('salur.' || role || '_password')
            );
            EXECUTE format('ALTER ROLE %I SET search_path = %I', role, service);
            EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET search_path', role, current_database());
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
        END LOOP;
        -- A migration may end the sessions of the former version; the service may not end the owner's.
        EXECUTE format('GRANT %I TO %I', service, owner);
        -- Triggers call functions without this permission.
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', owner);

        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, owner);
        -- Where the service owned its tables, running processes keep these permissions until `migrate` grants others.
        IF EXISTS (SELECT FROM pg_class WHERE relowner = service::regrole) THEN
            EXECUTE format('REASSIGN OWNED BY %I TO %I', service, owner);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', service, service);
        END IF;
        EXECUTE format('ALTER SCHEMA %I OWNER TO %I', service, owner);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', service, service);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, service);
    END LOOP;
END
$roles$;
COMMIT;
