"""Bugs in how much is taken in at once, as somebody might write them."""

import pytest

from shared.messaging.reading import decompression, record_batches
from shared.messaging.transaction.deferral import DeferredRecord
from tests.faults.planted import reading_scenarios
from tests.faults.planted.bugs import Bug


def each_repeat_takes_a_place_of_its_own(product: pytest.MonkeyPatch) -> None:
    """Identical records that wait are not told from others."""
    product.setattr(DeferredRecord, "digest", lambda _: None)


def it_makes_room_for_whatever_comes(product: pytest.MonkeyPatch) -> None:
    """How large a batch may become is taken from what it becomes."""
    product.setattr(decompression, "LARGEST_BYTES", 1 << 30)
    product.setattr(decompression, "_BUFFER", decompression._Buffer())


def it_hands_out_all_that_was_fetched(product: pytest.MonkeyPatch) -> None:
    """Records are counted, and not what they hold."""

    class Endless:
        left = property(lambda _: record_batches.AT_ONCE, lambda *_: None)

        def refill(self) -> None:
            """It is always full."""

    product.setattr(record_batches, "ALLOWANCE", Endless())


BUGS = (
    Bug(
        each_repeat_takes_a_place_of_its_own,
        reading_scenarios.the_same_is_sent_again_and_again_before_its_cause,
        "parked: wait_full",
    ),
    Bug(
        it_makes_room_for_whatever_comes,
        reading_scenarios.a_batch_unpacks_to_more_than_there_is_room_for,
        "unpacked: ",
    ),
    Bug(
        it_hands_out_all_that_was_fetched,
        reading_scenarios.many_large_records_come_in_one_small_batch,
        "at once: ",
    ),
)
