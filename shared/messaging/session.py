"""One Postgres session of the writer, and the frame of every transaction: lock lanes, work, save, commit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import datetime

from asyncpg import Connection

from shared.messaging import lane as lanes_of
from shared.messaging.dispatch import dispatch
from shared.messaging.intake import Intake
from shared.messaging.lane import Lane
from shared.messaging.page import Page
from shared.messaging.probe import reach
from shared.messaging.saving import save
from shared.messaging.transaction import Terms, Transaction
from shared.messaging.watermark import NEVER

Body = Callable[[Transaction], Awaitable[None]]


class Session:
    """Remembers the eras it has begun. A new session begins new ones, since the database may have gone back."""

    def __init__(
        self,
        connection: Connection,
        terms: Terms,
        intake: Intake,
        real_microseconds: Callable[[], int],
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection = connection
        self.intake = intake
        self._terms = terms
        self._eras: dict[int, int] = {}
        self._real_microseconds = real_microseconds
        self._on_left = on_left
        # As counted last, and what this session has added since: good enough for a bound, at no cost to a batch.
        self.waiting = 0
        self.counted = False
        self._one_at_a_time = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[Connection]:
        """The connection, while no transaction of this session is under way."""
        async with self._one_at_a_time:
            yield self.connection

    async def transact(
        self,
        lanes: Collection[int],
        body: Body,
        *,
        now: datetime,
        read_through: datetime = NEVER,
        hand_over: bool = False,
    ) -> list[Page]:
        """Runs `body` in one transaction with these lanes locked and returns the pages it wrote.

        Deadlines act up to `read_through`, and in sweeps alone: what a batch brings may be what beats them. With
        `hand_over` it takes up nothing of what it wakes, and leaves it to the sweeps.
        When it returns the commit was acknowledged; when it raises, nothing is known to have happened.
        """
        async with self._one_at_a_time:
            async with self.connection.transaction():
                locked = await lanes_of.lock(self.connection, lanes)
                self._refuse_if_gone_back(locked)
                tx = Transaction(self.connection, self._terms, now=now, read_through=read_through, lanes=locked)
                tx.waiting_in_all = self.waiting
                if hand_over:
                    tx.room.records = 0
                await body(tx)
                await dispatch(tx, self.intake, [])
                pages = await save(tx, self._terms, self._eras, self._real_microseconds())
                if pages:
                    reach("before_commit")
            if pages:
                reach("after_commit")
            self._eras.update((page.lane, page.era) for page in pages)
            self.waiting = tx.waiting_in_all
            if tx.left or tx.behind:
                self._on_left()
            return pages

    def _refuse_if_gone_back(self, lanes: Mapping[int, Lane]) -> None:
        """Eras only grow: a smaller one than this session wrote means that an older copy was put in place under it.

        Raises ConnectionResetError and ends the session; the next one adopts first what was said since.
        """
        if any(lane.era < self._eras.get(number, 0) for number, lane in lanes.items()):
            self.connection.terminate()
            raise ConnectionResetError("the database has gone back")
