"""The rounds in which a process does what is due by the clock in its lanes."""

import time
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from asyncpg import Record

from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.membership import Membership
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.progress import ReadingProgress
from shared.messaging.engine.release_runner import ReleaseRunner
from shared.messaging.engine.seeker import Seeker
from shared.messaging.engine.sweep import sweep
from shared.messaging.engine.timers import END_CATCHING_UP, engine_timers, require_read
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.queries import QUERIES
from shared.messaging.reading.watermark import HeldUp
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.deferral import count_deferred
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer

LOG = structlog.get_logger()
COUNT_FACTOR = 50


class Sweeper:
    """One round after the other. A failure in one part of a round keeps none of the others from being done."""

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        membership: Membership,
        assignment: PartitionAssignment,
        seeker: Seeker,
        progress: ReadingProgress,
        release_runner: ReleaseRunner,
        publisher: Publisher,
    ) -> None:
        self.rounds = 0
        self.held_up: tuple[HeldUp, ...] = ()
        self._plan = plan
        self._membership = membership
        self._assignment = assignment
        self._seeker = seeker
        self._progress = progress
        self._release_runner = release_runner
        self._publisher = publisher
        self._count_again_at = float("-inf")
        self._timers = (*engine_timers(decoder, plan.retention, plan.causes), *plan.timers, END_CATCHING_UP)
        require_read(self._timers, plan)

    async def run(self) -> None:
        """Sweep until cancelled, and between two rounds handle released records as soon as there are any."""
        while True:
            await self._seeker.guard("sweep", self._round())
            next_round = time.monotonic() + self._plan.sweep_every_seconds
            self._release_runner.request()
            while await self._release_runner.is_pending(next_round - time.monotonic()):
                await self._seeker.guard("releasing", self._release_runner.run(next_round))

    async def _round(self) -> None:
        """Note how far the inputs are read, and run every timer to the end of what is due.

        Timers that no record can prevent come first: they join deferred records with causes that were read. Only then
        is it known which lanes have nothing left to handle, and deferred records that were not joined may expire there.
        """
        session = self._membership.session
        if session is None or not self._assignment.positioned:
            return
        await self._confirm_schema(session)
        await self._count_deferred(session)
        await self._progress.note_ends()
        await self._seeker.pass_over(session)
        positions = await _load_positions(session)
        self._seeker.compare(positions)
        lanes, still = sorted(self._assignment.lanes), set[int]()
        joined = [await self._run(session, timer, lanes, still) for timer in self._timers if timer.prevented_by == ()]
        if all(joined):
            await self._progress.note_positions(session, positions)
        for timer in self._timers:
            if timer.prevented_by != ():
                await self._run(session, timer, lanes, still)
        self.held_up = self._progress.held_up(self._timers, [lane for lane in lanes if lane not in still])
        self._assignment.resume_paused()
        self.rounds += 1

    async def _confirm_schema(self, session: EngineSession) -> None:
        """Cut a session whose schema has become another program's; nothing is read until it is ours again."""
        try:
            async with session.exclusive() as connection:
                await self._plan.confirm(connection)
        except Exception:
            session.connection.terminate()
            raise

    async def _count_deferred(self, session: EngineSession) -> None:
        """Count deferred records, for a fiftieth of the time at most; between two counts the session adds up."""
        began = time.monotonic()
        if began < self._count_again_at and session.counted:
            return
        async with session.exclusive() as connection:
            session.note_deferred(await count_deferred(connection))
        self._count_again_at = time.monotonic() + COUNT_FACTOR * (time.monotonic() - began)

    async def _run(self, session: EngineSession, timer: Timer, lanes: Sequence[int], still: set[int]) -> bool:
        """Sweep the lanes in groups that are read equally far; add to `still` those that stand still.

        Return False when not all of it was done.
        """
        whole = True
        now = self._plan.clock.now()
        for group, watermark in self._progress.groups(lanes, timer, now):
            if not self._assignment.positioned:
                return False
            try:
                still |= set(await sweep(session, timer, group, now, watermark, self._publisher.offer))
            except Exception as error:
                if session.connection.is_closed():
                    raise
                LOG.warning("outage", part="sweep", timer=timer.name, error=repr(error))
                whole = False
        return whole


async def _load_positions(session: EngineSession) -> Mapping[TopicPartition, Record]:
    async with session.exclusive() as connection:
        rows = await connection.fetch(QUERIES["load_all_positions"])
    return {TopicPartition(row["topic"], row["partition"]): row for row in rows}
