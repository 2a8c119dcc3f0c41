"""Metrics: histograms counted in this process, and gauges read from the tables."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from shared.messaging.engine.plan import CommittedBatch
from shared.runtime.definition import BatchCollector, Gauge

HELP_TEXTS = {
    "kafka_consumergroup_group_lag": "Records behind the end of the partition.",
    "kafka_consumergroup_group_lag_seconds": "Age of the oldest record not yet handled; 0 when caught up.",
    "salur_stopped_lanes": "1 while a lane stands still.",
    "salur_stopped_partitions": "1 while a partition is not read.",
    "salur_halted": "1 while a partner, or all, is halted.",
    "salur_halt_age_seconds": "Age of that halt.",
    "salur_parked_records": "Records parked and not yet replayed or closed.",
    "salur_waiting_records": "Deferred records, by what they wait for.",
    "salur_waiting_oldest_seconds": "Age of the oldest deferred record.",
    "salur_pages_unpublished": "Pages in the database, not yet in Kafka.",
    "salur_page_oldest_unpublished_seconds": "Age of the oldest unpublished page.",
    "salur_disbursements": "Disbursements by state.",
    "salur_disbursements_rupiah": "Amounts of the disbursements, in whole rupiah.",
    "salur_disbursement_oldest_seconds": "Age of the oldest disbursement in this state.",
    "salur_invariant_breaches": "Breaches found at the last check; must stay 0.",
}
BATCH_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
BATCH_RECORDS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
AGE_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3600, 86_400)


class Metrics:
    """The metrics of one process since it started; `gauges` is replaced before each rendering.

    `collectors` are the service's own.
    """

    def __init__(self, service: str, collectors: Sequence[BatchCollector] = ()) -> None:
        self.gauges: Sequence[Gauge] = ()
        self._service = service
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._collectors = collectors
        for collector in collectors:
            self._registry.register(collector)
        self._seconds = self._histogram("salur_batch_seconds", "Duration of a committed batch.", BATCH_SECONDS)
        self._records = self._histogram("salur_batch_records", "Records in a batch.", BATCH_RECORDS)
        meaning = "From ce_time to handled, the oldest of each type in a batch."
        self._ages = self._histogram("salur_event_age_seconds", meaning, AGE_SECONDS, "type")

    def _histogram(self, name: str, help_text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, help_text, ("service", *labels), registry=self._registry, buckets=buckets)

    def observe(self, batch: CommittedBatch) -> None:
        """Count one committed batch."""
        self._seconds.labels(self._service).observe(batch.seconds)
        self._records.labels(self._service).observe(batch.records)
        for event_type, age in batch.oldest.items():
            self._ages.labels(self._service, event_type).observe(age)
        for collector in self._collectors:
            collector.observe(batch)

    def collect(self) -> Iterator[Metric]:
        """Return the gauges as families, for the registry."""
        return gauge_families(self.gauges)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


def gauge_families(gauges: Iterable[Gauge]) -> Iterator[Metric]:
    """Yield one family per name, in order of name; all gauges of a name have the same labels."""
    by_name: dict[str, list[Gauge]] = {}
    for gauge in gauges:
        by_name.setdefault(gauge.name, []).append(gauge)
    for name, members in sorted(by_name.items()):
        labels = list(members[0].labels)
        family = GaugeMetricFamily(name, HELP_TEXTS.get(name, name), labels=labels)
        for gauge in members:
            family.add_metric([gauge.labels[label] for label in labels], gauge.value)
        yield family
