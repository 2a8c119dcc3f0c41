"""The Postgres session of a process, and the name under which the process joins its consumer group."""

import asyncio
import signal
from collections.abc import Callable

import structlog

from shared.errors import SalurError
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.status import OutageMonitor
from shared.messaging.queries import QUERIES
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.lane import insert_rows, real_microseconds
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.transaction import TransactionTerms

LOG = structlog.get_logger()
PAUSE_SECONDS = 0.5


class Superseded(SalurError):
    """Another process has been started under the name of this one, which has to end."""


class Membership:
    """The session in which this process works, and its name, without which it joins no consumer group.

    Kafka gives a name to the process that joined last. One that cannot enter its name in Postgres would only take the
    lanes from another of the same name that can work. `on_new_session` is called before a new session is used.
    """

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        outage: OutageMonitor,
        *,
        on_new_session: Callable[[], None],
        on_remaining: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._decoder = decoder
        self._outage = outage
        self._on_new_session = on_new_session
        self._on_remaining = on_remaining
        self._session: EngineSession | None = None
        self._entered_at: int | None = None
        self._entry_lock = asyncio.Lock()
        self._joining: asyncio.Task[object] | None = None

    @property
    def session(self) -> EngineSession | None:
        """The session opened last, which may have been cut since; None before the first one."""
        return self._session

    @property
    def session_lost(self) -> bool:
        return self._session is not None and self._session.connection.is_closed()

    async def enter(self) -> EngineSession:
        """Return a working session in which this process has its name. Raise Superseded when another has taken it."""
        async with self._entry_lock:
            session = await self._open_session()
            await self._confirm_replica(session)
            return session

    async def join(self) -> None:
        """Return when this process may join its group, for the first time or again."""
        self._joining = asyncio.current_task()
        try:
            await self._until_entered()
        finally:
            self._joining = None

    async def leave(self) -> None:
        """Stop trying to join, since this process ends."""
        if (joining := self._joining) is not None:
            joining.cancel()
            await asyncio.wait([joining])

    def close(self) -> None:
        """Cut the session."""
        if self._session is not None:
            self._session.connection.terminate()

    async def _until_entered(self) -> None:
        while True:
            try:
                await self.enter()
            except Superseded:
                signal.raise_signal(signal.SIGTERM)
                await asyncio.Event().wait()
            except Exception as error:  # noqa: BLE001 - it does not join until it succeeds
                self._outage.note("joining", error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def _open_session(self) -> EngineSession:
        if self._session is not None and not self._session.connection.is_closed():
            return self._session
        connection = await self._plan.connect("writer")
        await insert_rows(connection, self._plan.own_topics)
        terms = TransactionTerms(
            service=self._plan.service,
            vault=self._plan.vault,
            chain=self._plan.chain,
            internal_topics=frozenset(source.topic for source in self._plan.sources if source.internal),
            wait_at_most=self._plan.wait_at_most,
            waiting_per_key=self._plan.waiting_per_key,
            batch_records=self._plan.batch_records,
            waiting_in_all=self._plan.waiting_in_all,
        )
        self._session = EngineSession(connection, terms, self._decoder, real_microseconds, self._on_remaining)
        self._on_new_session()
        return self._session

    async def _confirm_replica(self, session: EngineSession) -> None:
        replica = self._plan.replica
        async with session.exclusive() as connection:
            if self._entered_at is None:
                self._entered_at = await connection.fetchval(QUERIES["enter_replica"], replica, real_microseconds())
            elif self._entered_at != await connection.fetchval(QUERIES["confirm_replica"], replica, self._entered_at):
                LOG.error("superseded", replica=replica)
                raise Superseded(f"another process was started as replica {replica}; give one of them another name")
