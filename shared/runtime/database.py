"""A database session for operators and monitors, apart from the engine's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from asyncpg import Connection

from shared.errors import SalurError
from shared.postgres.failures import is_infrastructure
from shared.postgres.migrations import Migration, SchemaMismatch
from shared.postgres.migrations import confirm as confirm_schema
from shared.postgres.queries import Queries
from shared.postgres.session import connect
from shared.runtime.data_identity import DataIdentity, IdentityMismatch

QUERIES = Queries.load("shared.runtime")
ANSWER_SECONDS = 5.0

Confirm = Callable[[Connection], Awaitable[None]]
"""Raises SchemaMismatch or IdentityMismatch if the data are not those of this program and its keys."""


@dataclass(frozen=True, slots=True)
class DataRequirements:
    """The schema and the identity that the data must have; `identity` is None where no key is used."""

    migrations: Sequence[Migration]
    identity: DataIdentity | None = None

    async def confirm(self, connection: Connection) -> None:
        """Compare the data; raise SchemaMismatch or IdentityMismatch."""
        await confirm_schema(connection, self.migrations)
        if self.identity is not None:
            await self.identity.confirm(connection)

    async def save_fingerprints(self, connection: Connection) -> None:
        """Save the fingerprints of what is used for the first time."""
        if self.identity is not None:
            await self.identity.save_fingerprints(connection)


class DatabaseUnavailable(SalurError):
    """The database does not answer, or its data are another program's; the message says which."""


async def open_session(url: str, application_name: str, confirm: Confirm, *, long_running: bool = False) -> Connection:
    """Open a session; raise SchemaMismatch or IdentityMismatch if the data are another program's."""
    connection = await connect(url, application_name, long_running=long_running)
    try:
        await confirm(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


class Database:
    """One session, opened at the first query and anew after an error; queries take turns."""

    def __init__(self, url: str, application_name: str, confirm: Confirm) -> None:
        self._url = url
        self._name = application_name
        self._confirm = confirm
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Yield the session to one caller for at most ANSWER_SECONDS; raise DatabaseUnavailable."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    yield await self._open()
            except Exception as error:
                self._drop()
                if reason := unavailable_reason(error):
                    raise DatabaseUnavailable(reason) from error
                raise
            except BaseException:
                self._drop()
                raise

    async def confirm(self) -> None:
        """Check that it answers with the data of this program; raise DatabaseUnavailable."""
        async with self.session() as connection:
            await self._confirm(connection)

    async def close(self) -> None:
        """End the session."""
        self._drop()

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await open_session(self._url, self._name, self._confirm)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def unavailable_reason(error: Exception) -> str | None:
    """Return a sentence about a database that cannot be used; None if the error is about something else."""
    if isinstance(error, SchemaMismatch | IdentityMismatch):
        return str(error)
    if isinstance(error, TimeoutError):
        return "Postgres does not answer in time"
    if is_infrastructure(error):
        return f"Postgres is not reachable: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return None
