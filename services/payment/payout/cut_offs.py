"""Cut-offs of waves, recorded as the confirmations of enrollments tell them."""

from collections.abc import Iterable
from datetime import timedelta

from asyncpg import Connection

from services.payment.domain.cut_off import cut_off_of
from services.payment.store.cut_offs import insert_cut_offs
from shared.contracts.enrollment import EnrollmentBenefits
from shared.messaging.transaction.transaction import Transaction


class CutOffRecorder:
    """Recorder of cut-offs. It remembers which are stored, so that a wave costs a query once or twice in a session."""

    def __init__(self, wait_at_most: timedelta) -> None:
        self._wait_at_most = wait_at_most
        self._connection: Connection | None = None
        self._stored: set[str] = set()
        self._tx: Transaction | None = None
        self._inserted: set[str] = set()

    async def record(self, tx: Transaction, confirmed: Iterable[EnrollmentBenefits]) -> None:
        """Store the cut-offs of waves that are heard of for the first time, for all lanes.

        A wave that this transaction inserts itself is not remembered, since it may be rolled back; nor is any in
        another session, since the database may have been restored.
        """
        if tx.connection is not self._connection:
            self._connection, self._stored = tx.connection, set()
        if tx is not self._tx:
            self._tx, self._inserted = tx, set()
        known = self._stored | self._inserted
        heard = {e.wave: e.cut_off_at for e in confirmed if e.cut_off_at is not None and e.wave not in known}
        if heard:
            cut_offs = [cut_off_of(wave, at, tx.now, self._wait_at_most) for wave, at in sorted(heard.items())]
            inserted = await insert_cut_offs(tx.connection, cut_offs)
            self._inserted |= inserted
            self._stored |= heard.keys() - inserted
