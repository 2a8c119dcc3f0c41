"""Metrics carry the names that dashboards and alerts know."""

from shared.messaging.engine.plan import CommittedBatch
from shared.runtime.definition import Gauge
from shared.runtime.metrics import Metrics
from tests.integration.runtime.toy import RecordsCollector


def rendered(metrics: Metrics) -> list[str]:
    return [line for line in metrics.render().decode().splitlines() if not line.startswith("#")]


def test_gauges_are_rendered_as_they_were_last_read() -> None:
    metrics = Metrics("toy")
    metrics.gauges = [Gauge("salur_parked_records", 2, {"service": "toy", "reason": "conflict"})]
    metrics.gauges = [
        Gauge("salur_parked_records", 3, {"service": "toy", "reason": "conflict"}),
        Gauge("salur_parked_records", 0, {"service": "toy", "reason": "bad_seal"}),
    ]
    assert [line for line in rendered(metrics) if "parked" in line] == [
        'salur_parked_records{reason="conflict",service="toy"} 3.0',
        'salur_parked_records{reason="bad_seal",service="toy"} 0.0',
    ]


def test_batch_is_counted_with_records_and_age_of_its_oldest_event() -> None:
    metrics = Metrics("toy")
    metrics.observe(CommittedBatch(seconds=0.03, records=40, oldest={"toy.scored.v1": 2.0}))
    lines = rendered(metrics)
    assert 'salur_batch_seconds_count{service="toy"} 1.0' in lines
    assert 'salur_batch_records_sum{service="toy"} 40.0' in lines
    assert 'salur_event_age_seconds_sum{service="toy",type="toy.scored.v1"} 2.0' in lines


def test_collectors_of_a_service_observe_each_batch_and_are_rendered() -> None:
    metrics = Metrics("toy", (RecordsCollector(),))
    metrics.observe(CommittedBatch(seconds=0.03, records=40, oldest={}))
    metrics.observe(CommittedBatch(seconds=0.03, records=2, oldest={}))
    assert "toy_records_total 42.0" in rendered(metrics)
