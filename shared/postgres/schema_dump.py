"""A readable dump of migrated schemas: `schema.sql` beside the migrations of the engine and of each service.

The engine's file has the tables that every schema has, a service's file those it adds. Nobody runs them: they show what
the migrations add up to, and a test keeps them true. `pg_dump` is not used: it names its own version, must be of the
server's, and spreads a table over five sections (columns, keys, indexes, triggers, references).
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from asyncpg import Connection, Record

from shared.postgres.migrations import ENGINE, apply_missing, load_migrations
from shared.postgres.session import QUERIES, connect

FILE = "schema.sql"
SCRATCH_SCHEMA = "schema_dump"


async def dump_schema(connection: Connection, package: str) -> str:
    """Migrate a scratch schema and return the text of what the package adds to it, the same text every time.

    `package` is the engine or a service. `connection` is of a role that may create schemas; nothing of the scratch
    schema is left, and the search_path is as before. Each migration is committed, as in a service's own schema: a value
    that one adds to an enumeration can be used by the next.
    """
    search_path = await connection.fetchval(QUERIES["load_setting"], "search_path")
    try:
        await connection.execute(await connection.fetchval(QUERIES["create_schema"], SCRATCH_SCHEMA))
        await connection.execute(QUERIES["change_setting"], "search_path", SCRATCH_SCHEMA)
        engine, others = load_migrations(ENGINE), list[int]()
        if package != ENGINE:
            await apply_missing(connection, engine)
            others = [row["oid"] for row in await connection.fetch(QUERIES["dump_objects"])]
        await apply_missing(connection, engine if package == ENGINE else [*engine, *load_migrations(package)])
        return await _dump(connection, package, others)
    finally:
        await connection.execute(await connection.fetchval(QUERIES["drop_schema"], SCRATCH_SCHEMA))
        await connection.execute(QUERIES["change_setting"], "search_path", search_path)


async def _dump(connection: Connection, package: str, others: Sequence[int]) -> str:
    """Return the text of the current schema without the objects of these oids."""
    parts = [f"-- What the migrations of {package} add up to. Generated: change the migrations instead.\n"]
    types = await connection.fetch(QUERIES["dump_types"], others)
    parts += ["".join(f"{row['definition']};\n" for row in types)] if types else []
    parts += [await _table(connection, table) for table in await connection.fetch(QUERIES["dump_tables"], others)]
    functions = await connection.fetch(QUERIES["dump_functions"], others)
    parts += [f"{row['definition'].strip()};\n" for row in functions]
    return "\n".join(parts).replace(f"{SCRATCH_SCHEMA}.", "")


async def _table(connection: Connection, table: Record) -> str:
    columns = await connection.fetch(QUERIES["dump_columns"], table["oid"])
    constraints = await connection.fetch(QUERIES["dump_constraints"], table["oid"])
    lines = [*_columns(columns), *(row["definition"] for row in constraints)]
    body = ",\n".join(f"    {line}" for line in lines)
    after = [row["definition"] for row in await connection.fetch(QUERIES["dump_indexes"], table["oid"])]
    after += [row["definition"] for row in await connection.fetch(QUERIES["dump_triggers"], table["oid"])]
    after += [row["comment"] for row in (table, *columns) if row["commented"]]
    return f"{table['opening']} (\n{body}\n);\n" + "".join(f"{line};\n" for line in after)


def _columns(columns: Sequence[Record]) -> list[str]:
    """Return one line per column, with names and types aligned."""
    names = max(len(column["name"]) for column in columns)
    types = max(len(column["type"]) for column in columns)
    lines = []
    for column in columns:
        words = [column["name"].ljust(names), column["type"].ljust(types)]
        words += ["not null"] if column["required"] else []
        words += [column["origin"]] if column["origin"] else []
        lines.append(" ".join(words).rstrip())
    return lines


def schema_file(package: str) -> Path:
    """Return the path of a package's `schema.sql`."""
    return Path(str(files(package).joinpath(FILE)))


async def write_schema_files(url: str, packages: Sequence[str]) -> None:
    """Write `schema.sql` of each package anew."""
    connection = await connect(url, SCRATCH_SCHEMA)
    try:
        for package in packages:
            schema_file(package).write_text(await dump_schema(connection, package), "utf-8")
    finally:
        await connection.close()
