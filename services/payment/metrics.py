"""Answer times of partners, by which operators see one that is slow."""

from collections.abc import Iterable

from prometheus_client import Histogram
from prometheus_client.core import Metric

from shared.contracts.partner import DISBURSEMENT_REPORTED
from shared.messaging.engine.plan import CommittedBatch
from shared.messaging.transaction.transaction import Transaction

SECONDS = (0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 259_200)


class AnswerTimes:
    """Histogram of answer times: recorded in a transaction, observed once its batch is committed.

    Times of a batch that failed are dropped by the next recording, or by the next commit of a batch without reports.
    """

    def __init__(self) -> None:
        meaning = "From an instruction to each report of its partner that is accepted as new."
        self._histogram = Histogram(
            "salur_partner_answer_seconds", meaning, ("partner", "status"), registry=None, buckets=SECONDS
        )
        self._children: dict[tuple[str, str], Histogram] = {}
        self._tx: Transaction | None = None
        self._noted: list[tuple[str, str, float]] = []

    def record(self, tx: Transaction, answers: Iterable[tuple[str, str, float]]) -> None:
        """Record (partner, status, seconds) of new reports; to be called for every batch of reports, even with none."""
        if tx is not self._tx:
            self._tx, self._noted = tx, []
        self._noted += answers

    def observe(self, batch: CommittedBatch) -> None:
        """Observe the recorded times, since their batch is committed."""
        if DISBURSEMENT_REPORTED.name in batch.oldest:
            for partner, status, seconds in self._noted:
                self._of(partner, status).observe(seconds)
        self._tx, self._noted = None, []

    def _of(self, partner: str, status: str) -> Histogram:
        """Return the histogram of a partner and status, kept because the library looks each up under a lock."""
        key = (partner, status)
        if key not in self._children:
            self._children[key] = self._histogram.labels(partner, status)
        return self._children[key]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics that Prometheus scrapes."""
        return self._histogram.collect()
