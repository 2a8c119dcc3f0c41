-- A lent database keeps a copy of its migrated schema's rows, and functions that restore them.
-- `:service` stands for the schema.
create schema kept;

create table kept.catalog as select ''::text as state where false;

-- A change of a definition or a permission rewrites a row of these catalogs; `analyze` and `vacuum` do not.
create function kept.definitions() returns text language sql as $$
    select string_agg(format('%s %s', count, newest), ' ' order by name) from (
        select 'class' as name, count(*), max(xmin::text::bigint) as newest from pg_class
        union all select 'attribute', count(*), max(xmin::text::bigint) from pg_attribute
        union all select 'constraint', count(*), max(xmin::text::bigint) from pg_constraint
        union all select 'default', count(*), max(xmin::text::bigint) from pg_attrdef
        union all select 'index', count(*), max(xmin::text::bigint) from pg_index
        union all select 'trigger', count(*), max(xmin::text::bigint) from pg_trigger
        union all select 'function', count(*), max(xmin::text::bigint) from pg_proc
        union all select 'schema', count(*), max(xmin::text::bigint) from pg_namespace
        union all select 'type', count(*), max(xmin::text::bigint) from pg_type
        union all select 'enum', count(*), max(xmin::text::bigint) from pg_enum
        union all select 'rule', count(*), max(xmin::text::bigint) from pg_rewrite
        union all select 'extension', count(*), max(xmin::text::bigint) from pg_extension
    ) as found
$$;

create table kept.sequence as
    select sequencename as name, start_value, last_value from pg_sequences where schemaname = ':service';

do $$
declare one name;
begin
    for one in select tablename from pg_tables where schemaname = ':service' loop
        execute format('create table kept.%I as table :service.%I', 'row_' || one, one);
    end loop;
end $$;

-- False, and nothing is done, when it is not the schema any more that it was.
create function kept.restore() returns boolean language plpgsql set session_replication_role = replica as $$
declare one record;
begin
    if kept.definitions() <> (select state from kept.catalog) then
        return false;
    end if;
    for one in select tablename as name from pg_tables where schemaname = ':service' loop
        execute format('delete from :service.%I', one.name);
        execute format('insert into :service.%I overriding system value table kept.%I', one.name, 'row_' || one.name);
    end loop;
    perform setval(format(':service.%I', name), coalesce(last_value, start_value), last_value is not null)
    from kept.sequence;
    return true;
end $$;
