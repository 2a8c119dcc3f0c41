"""The writer's Postgres session, and the frame of every transaction: lock lanes, work, flush, commit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import datetime

from asyncpg import Connection

from shared.messaging.failpoint import hit
from shared.messaging.outbox.page import Page
from shared.messaging.outbox.store import load_counters
from shared.messaging.reading.watermark import NEVER
from shared.messaging.transaction import lane as lanes_of
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.dispatch import dispatch
from shared.messaging.transaction.flush import flush
from shared.messaging.transaction.lane import Lane
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

TransactionBody = Callable[[Transaction], Awaitable[None]]


class EngineSession:
    """A session and the eras it has begun. A new session begins new ones: its database may be an older copy."""

    def __init__(
        self,
        connection: Connection,
        terms: TransactionTerms,
        decoder: Decoder,
        real_microseconds: Callable[[], int],
        on_remaining: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection = connection
        self.decoder = decoder
        self._terms = terms
        self._eras: dict[int, int] = {}
        self._counters: dict[tuple[str, int], int] = {}
        self._real_microseconds = real_microseconds
        self._on_remaining = on_remaining
        # As counted last, plus what this session has added since: near enough for a bound, without a query.
        self.deferred_count = 0
        self.counted = False
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Connection]:
        """Yield the connection while no transaction of this session is under way."""
        async with self._lock:
            yield self.connection

    def note_deferred(self, count: int) -> None:
        """Take over the number of deferred records as it was counted just now."""
        self.deferred_count = count
        self.counted = True

    async def transact(
        self,
        lanes: Collection[int],
        body: TransactionBody,
        *,
        now: datetime,
        watermark: datetime = NEVER,
        leave_released: bool = False,
    ) -> list[Page]:
        """Run `body` in one transaction with these lanes locked and return its pages.

        Deadlines act up to `watermark`, and only in sweeps: a batch may bring what prevents them. With `leave_released`
        released records are left to the sweeps. When it returns, the commit was acknowledged; when it raises, the
        outcome is unknown.
        """
        async with self._lock:
            async with self.connection.transaction():
                locked = await lanes_of.lock(self.connection, lanes)
                self._refuse_if_gone_back(locked)
                tx = Transaction(
                    self.connection,
                    self._terms,
                    now=now,
                    watermark=watermark,
                    lanes=locked,
                    counters=await self._load_counters(locked),
                    deferred_count=self.deferred_count,
                    leave_released=leave_released,
                )
                await body(tx)
                await dispatch(tx, self.decoder, [])
                pages = await flush(tx, self._terms, self._eras, self._real_microseconds())
                if pages:
                    hit("before_commit")
            if pages:
                hit("after_commit")
            self._eras.update((page.lane, page.era) for page in pages)
            self._counters.update(((page.topic, page.lane), page.last_sequence + 1) for page in pages)
            self.deferred_count = tx.deferrals.count
            if tx.deferrals.remaining or tx.deferrals.queued_behind:
                self._on_remaining()
            return pages

    async def _load_counters(self, locked: Mapping[int, Lane]) -> dict[tuple[str, int], int]:
        """Return the next numbers of the locked lanes. Where our era stands nobody else has written since."""
        foreign = [number for number, lane in locked.items() if lane.era != self._eras.get(number)]
        self._counters.update(await load_counters(self.connection, foreign))
        return {place: number for place, number in self._counters.items() if place[1] in locked}

    def _refuse_if_gone_back(self, lanes: Mapping[int, Lane]) -> None:
        """End the session and raise ConnectionResetError if an era is smaller than the one this session wrote.

        Eras only grow, so an older copy has replaced the database. The next session adopts what was published since.
        """
        if any(lane.era < self._eras.get(number, 0) for number, lane in lanes.items()):
            self.connection.terminate()
            raise ConnectionResetError("an older copy has replaced the database; a new session recovers from it")
