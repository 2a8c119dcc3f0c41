"""Planted bugs in the limits on what is read at once."""

import pytest

from shared.messaging.reading import decompression, record_batches
from shared.messaging.transaction.deferral import DeferredRecord
from tests.faults.planted import reading_scenarios
from tests.faults.planted.bugs import Bug


def it_defers_each_repeat_separately(product: pytest.MonkeyPatch) -> None:
    """Recognize no identical deferred records."""
    product.setattr(DeferredRecord, "digest", lambda _: None)


def it_decompresses_batches_of_any_size(product: pytest.MonkeyPatch) -> None:
    """Limit a batch by nothing but the memory there is."""
    product.setattr(decompression, "LARGEST_BYTES", 1 << 30)
    product.setattr(decompression, "_BUFFER", decompression._Buffer())


def it_returns_all_fetched_records_at_once(product: pytest.MonkeyPatch) -> None:
    """Refill the allowance at every use, whatever the size of records."""

    class Endless:
        left = property(lambda _: record_batches.AT_ONCE, lambda *_: None)

        def refill(self) -> None:
            """Do nothing, since it is always full."""

    product.setattr(record_batches, "ALLOWANCE", Endless())


BUGS = (
    Bug(
        it_defers_each_repeat_separately,
        reading_scenarios.a_fact_is_repeated_before_its_cause,
        "parked: wait_full",
    ),
    Bug(
        it_decompresses_batches_of_any_size,
        reading_scenarios.a_batch_decompresses_beyond_the_limit,
        "decompressed: ",
    ),
    Bug(
        it_returns_all_fetched_records_at_once,
        reading_scenarios.many_large_records_come_in_one_small_batch,
        "at once: ",
    ),
)
