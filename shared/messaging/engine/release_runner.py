"""Released records handled portion by portion, in the time between two rounds of the sweeper."""

import asyncio
import time

from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.membership import Membership
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.sweep import PORTION_BYTES, PORTION_RECORDS
from shared.messaging.message import Record
from shared.messaging.transaction.batch import Batch
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.deferral import load_released


class ReleaseRunner:
    """Handles the released records that transactions have left to the sweeps.

    `pending` is set by every session that leaves some, and cleared here alone.
    """

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        membership: Membership,
        assignment: PartitionAssignment,
        batch_runner: BatchRunner,
        pending: asyncio.Event,
    ) -> None:
        self._plan = plan
        self._decoder = decoder
        self._membership = membership
        self._assignment = assignment
        self._batch_runner = batch_runner
        self._pending = pending

    def request(self) -> None:
        """Look for released records, whether or not a transaction has left some."""
        self._pending.set()

    async def is_pending(self, seconds: float) -> bool:
        """Return True as soon as there is something to do, False when so many seconds have passed without."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._pending.wait()
        except TimeoutError:
            return False
        self._pending.clear()
        return seconds > 0

    async def run(self, until: float) -> None:
        """Handle released records until none is left, or until this moment of the monotonic clock.

        Each portion is a batch like any other, and new records are read between two of them.
        """
        taken: set[int] = set()
        while self._assignment.positioned:
            released = await self._load_portion()
            ids = {deferred_id for deferred_id, _, _ in released}
            # A record that comes twice stands still with its lane, which is reported where it was stopped.
            if ids <= taken:
                return
            taken = ids
            now, order = self._plan.clock.now(), self._decoder.order
            items = [
                self._decoder.decode_deferred(record, now, deferred_id, deferred_on)
                for deferred_id, record, deferred_on in released
            ]
            items.sort(key=lambda item: (order[item.record.topic], item.deferred_id))
            await self._batch_runner.run(Batch(items, {}))
            if time.monotonic() >= until:
                self._pending.set()
                return

    async def _load_portion(self) -> list[tuple[int, Record, tuple[str, str]]]:
        session, lanes = self._membership.session, sorted(self._assignment.lanes)
        if session is None or not lanes:
            return []
        async with session.exclusive() as connection:
            return await load_released(connection, lanes, (PORTION_RECORDS, PORTION_BYTES))
