"""How long partners take to answer, so that operators see which of them is ill."""

from collections.abc import Iterable

from prometheus_client import Histogram
from prometheus_client.core import Metric

from shared.contracts.partner import DISBURSEMENT_REPORTED
from shared.messaging.engine.plan import BatchReport
from shared.messaging.transaction.transaction import Transaction

SECONDS = (0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 259_200)


class AnswerTimes:
    """Noted in a transaction, counted once its batch is committed: a batch that fails is handled again.

    What was noted in one that failed is forgotten when another takes in reports, or a batch without any is committed.
    """

    def __init__(self) -> None:
        meaning = "From an instruction to each word of its partner, when it is first believed."
        self._histogram = Histogram(
            "salur_partner_answer_seconds", meaning, ("partner", "status"), registry=None, buckets=SECONDS
        )
        self._children: dict[tuple[str, str], Histogram] = {}
        self._tx: Transaction | None = None
        self._noted: list[tuple[str, str, float]] = []

    def record(self, tx: Transaction, answers: Iterable[tuple[str, str, float]]) -> None:
        """(partner, status, seconds) of what this transaction believes; to be called for every intake of reports."""
        if tx is not self._tx:
            self._tx, self._noted = tx, []
        self._noted += answers

    def observe(self, batch: BatchReport) -> None:
        """The batch is committed."""
        if DISBURSEMENT_REPORTED.name in batch.oldest:
            for partner, status, seconds in self._noted:
                self._of(partner, status).observe(seconds)
        self._tx, self._noted = None, []

    def _of(self, partner: str, status: str) -> Histogram:
        """Remembered, since the library looks each up under a lock and anew."""
        key = (partner, status)
        if key not in self._children:
            self._children[key] = self._histogram.labels(partner, status)
        return self._children[key]

    def collect(self) -> Iterable[Metric]:
        """As Prometheus reads it."""
        return self._histogram.collect()
