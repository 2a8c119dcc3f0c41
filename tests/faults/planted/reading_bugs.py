"""Bugs in how much is taken in at once, as somebody might write them."""

from shared.messaging import record_batches, unpacking
from shared.messaging.transaction import WaitingRecord
from tests.faults.planted import reading_stories
from tests.faults.planted.bugs import Bug, Product


def each_repeat_takes_a_place_of_its_own(product: Product) -> None:
    """Identical records that wait are not told from others."""
    product.setattr(WaitingRecord, "digest", lambda _: None)


def it_makes_room_for_whatever_comes(product: Product) -> None:
    """How large a batch may become is taken from what it becomes."""
    product.setattr(unpacking, "LARGEST_BYTES", 1 << 30)
    product.setattr(unpacking, "_ROOM", unpacking._Room())


def it_hands_out_all_that_was_fetched(product: Product) -> None:
    """Records are counted, and not what they hold."""

    class Endless:
        left = property(lambda _: record_batches.AT_ONCE, lambda *_: None)

        def refill(self) -> None:
            """It is always full."""

    product.setattr(record_batches, "ALLOWANCE", Endless())


BUGS = (
    Bug(
        each_repeat_takes_a_place_of_its_own,
        reading_stories.the_same_is_sent_again_and_again_before_its_cause,
        "parked: wait_full",
    ),
    Bug(
        it_makes_room_for_whatever_comes,
        reading_stories.a_batch_unpacks_to_more_than_there_is_room_for,
        "unpacked: ",
    ),
    Bug(
        it_hands_out_all_that_was_fetched,
        reading_stories.many_large_records_come_in_one_small_batch,
        "at once: ",
    ),
)
