"""Migrations: forward only, numbered, applied once, never changed afterwards."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg
from asyncpg import Connection

from shared.errors import SalurError
from shared.postgres.session import CONNECT_SECONDS, QUERIES

ENGINE = "shared.messaging"
GRANTS = "grants.sql"
LOCK_TIMEOUT = "10s"
FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class SchemaMismatch(SalurError):
    """The schema is not the one that this program needs; the message says how they differ and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file `0001_name.sql` of a component's `migrations` folder."""

    component: str
    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.statements.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.component}/{self.number:04}_{self.name}"


MigrationHook = Callable[[Connection, Migration], Awaitable[None]]
"""Does what a migration's statements cannot, since it takes a service's keys."""


async def _no_hook(_: Connection, __: Migration) -> None:
    """Do nothing: the statements are all."""


def migrations_of(service_package: str) -> list[Migration]:
    """Return the engine's migrations, then the service's own; raise SchemaMismatch if their numbers have a gap."""
    return [*load_migrations(ENGINE), *load_migrations(service_package)]


def load_migrations(package: str) -> list[Migration]:
    """Return the migrations of one package in order; raise SchemaMismatch if their numbers have a gap."""
    component = package.rpartition(".")[2]
    found = [
        Migration(component, int(match[1]), match[2], file.read_text("utf-8"))
        for file in sorted(files(package).joinpath("migrations").iterdir(), key=lambda file: file.name)
        if (match := FILE.fullmatch(file.name))
    ]
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch(f"the migrations of {package} are not numbered 0001, 0002, ... without a gap")
    return found


def grants_of(service_package: str) -> list[str]:
    """Return the grants of a service: in the engine's tables, and in its own."""
    return [grants(ENGINE), grants(service_package)]


def grants(package: str) -> str:
    """Return the grants of one package; `:service` stands for the service's role."""
    return files(package).joinpath(GRANTS).read_text("utf-8")


async def migrate(
    url: str, migrations: Iterable[Migration], granted: Iterable[str] = (), hook: MigrationHook = _no_hook
) -> list[Migration]:
    """Bring the schema of the URL's role up to date and return what was applied; raise SchemaMismatch.

    The URL is the owner's. Afterwards the service's own role, which has the name of the schema, may do what the grants
    say, and nothing else. `hook` is called in the transaction of each migration.
    """
    # Without the bounds of a service's session: a migration may take as long as it takes.
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings={"application_name": "migrate"})
    try:
        await connection.execute(QUERIES["lock_migrations"], await _enter_schema(connection))
        # But while it waits for the lock of a table, all other sessions wait behind it.
        await connection.execute(QUERIES["change_setting"], "lock_timeout", LOCK_TIMEOUT)
        applied = await apply_missing(connection, list(migrations), hook)
        await _grant(connection, granted)
        return applied
    finally:
        await connection.close()


async def _grant(connection: Connection, granted: Iterable[str]) -> None:
    service = await connection.fetchval(QUERIES["service_of_schema"])
    async with connection.transaction():
        for row in await connection.fetch(QUERIES["take_everything"]):
            await connection.execute(row["statement"])
        for statements in granted:
            await connection.execute(statements.replace(":service", service))


async def apply_missing(
    connection: Connection, migrations: Sequence[Migration], hook: MigrationHook = _no_hook
) -> list[Migration]:
    """Apply the missing migrations to the session's schema, each in a transaction, and return them."""
    await connection.execute(QUERIES["create_migrations"])
    missing = await pending(connection, migrations)
    for migration in missing:
        async with connection.transaction():
            # A program that compares the schema with its own migrations waits here, and finds it changed.
            await connection.execute(QUERIES["lock_migration"])
            await connection.execute(migration.statements)
            await hook(connection, migration)
            await connection.execute(
                QUERIES["insert_migration"],
                migration.component,
                migration.number,
                migration.name,
                migration.checksum,
            )
            # A program of the schema before must not write into this one: it connects again, and compares.
            await connection.execute(QUERIES["end_other_sessions"])
    return missing


async def pending(connection: Connection, migrations: Iterable[Migration]) -> list[Migration]:
    """Return the migrations not yet applied; raise SchemaMismatch if others have been."""
    rows = await connection.fetch(QUERIES["load_migrations"])
    applied: Mapping[tuple[str, int], str] = {(row["component"], row["number"]): row["checksum"] for row in rows}
    wanted = {(migration.component, migration.number): migration for migration in migrations}
    if unknown := sorted(applied.keys() - wanted.keys()):
        newest = ", ".join(f"{component}/{number:04}" for component, number in unknown)
        raise SchemaMismatch(
            f"the schema is newer than this program: it has {newest}; start the program that made it, or a newer one"
        )
    for place, checksum in applied.items():
        if wanted[place].checksum != checksum:
            raise SchemaMismatch(f"{wanted[place]} was changed after it had been applied; add a new one instead")
    return [migration for place, migration in wanted.items() if place not in applied]


async def confirm(connection: Connection, migrations: Iterable[Migration]) -> None:
    """Compare the session's schema with these migrations; raise SchemaMismatch if they differ."""
    try:
        missing = await pending(connection, migrations)
    except asyncpg.UndefinedTableError:
        raise SchemaMismatch("the schema has not been made; run `migrate`") from None
    if missing:
        raise SchemaMismatch(f"the schema is older than this program: it lacks {missing[0]}; run `migrate`")


async def _enter_schema(connection: Connection) -> str:
    """Return the role's schema; create it if it is missing and the role may."""
    schema = str(await connection.fetchval(QUERIES["first_schema"]))
    if not await connection.fetchval(QUERIES["schema_exists"], schema):
        await connection.execute(await connection.fetchval(QUERIES["create_schema"], schema))
    return schema
