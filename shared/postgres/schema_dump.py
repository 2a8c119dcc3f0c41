"""A readable picture of a migrated schema, kept as `schema.sql` beside the migrations of each service.

Nobody runs that file: it shows what the migrations add up to, and a test keeps it true.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from asyncpg import Connection, Record

from shared.postgres.migrations import apply_missing, migrations_of
from shared.postgres.session import QUERIES, connect

FILE = "schema.sql"
SCRATCH_SCHEMA = "picture"


async def dump_service_schema(connection: Connection, service_package: str) -> str:
    """The picture of a service's schema, made in a schema that is gone afterwards.

    `connection` is of a role that may create schemas; its search_path is as before when this returns.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(await connection.fetchval(QUERIES["create_schema"], SCRATCH_SCHEMA))
        await connection.execute(QUERIES["change_setting"], "search_path", SCRATCH_SCHEMA)
        await apply_missing(connection, migrations_of(service_package))
        return await dump_current_schema(connection, service_package)
    finally:
        await transaction.rollback()


async def dump_current_schema(connection: Connection, service_package: str) -> str:
    """The text for the current schema; the same schema gives the same text."""
    parts = [f"-- What the migrations of {service_package} add up to. Generated: change the migrations instead.\n"]
    types = await connection.fetch(QUERIES["dump_types"])
    parts += ["".join(f"{row['definition']};\n" for row in types)] if types else []
    parts += [await _table(connection, table) for table in await connection.fetch(QUERIES["dump_tables"])]
    functions = await connection.fetch(QUERIES["dump_functions"])
    parts += [f"{row['definition'].strip()};\n" for row in functions]
    schema = await connection.fetchval(QUERIES["current_schema"])
    return "\n".join(parts).replace(f"{schema}.", "")


async def _table(connection: Connection, table: Record) -> str:
    columns = await connection.fetch(QUERIES["dump_columns"], table["oid"])
    constraints = await connection.fetch(QUERIES["dump_constraints"], table["oid"])
    lines = [*_columns(columns), *(row["definition"] for row in constraints)]
    body = ",\n".join(f"    {line}" for line in lines)
    after = [row["definition"] for row in await connection.fetch(QUERIES["dump_indexes"], table["oid"])]
    after += [row["definition"] for row in await connection.fetch(QUERIES["dump_triggers"], table["oid"])]
    after += [row["said"] for row in (table, *columns) if row["commented"]]
    return f"{table['opening']} (\n{body}\n);\n" + "".join(f"{line};\n" for line in after)


def _columns(columns: Sequence[Record]) -> list[str]:
    """One line a column, names and types in line below one another."""
    names = max(len(column["name"]) for column in columns)
    types = max(len(column["type"]) for column in columns)
    lines = []
    for column in columns:
        words = [column["name"].ljust(names), column["type"].ljust(types)]
        words += ["not null"] if column["required"] else []
        words += [column["origin"]] if column["origin"] else []
        lines.append(" ".join(words).rstrip())
    return lines


def schema_file(service_package: str) -> Path:
    """Where the picture of a service stands."""
    return Path(str(files(service_package).joinpath(FILE)))


async def write_schema_files(url: str, service_packages: Sequence[str]) -> None:
    """Draws each service anew and writes its file."""
    connection = await connect(url, "picture")
    try:
        for package in service_packages:
            schema_file(package).write_text(await dump_service_schema(connection, package), "utf-8")
    finally:
        await connection.close()
