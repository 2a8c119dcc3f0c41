"""Bugs in what waits and in what falls due, as somebody might write them."""

from datetime import datetime
from typing import Any

from aiokafka import TopicPartition

from shared.contracts.topics import LANES
from shared.messaging.lane import QUERIES
from shared.messaging.watermark import NEVER, Watermarks
from tests.faults.planted import waiting_stories
from tests.faults.planted.bugs import Bug, Product


def one_watermark_serves_all_lanes(product: Product) -> None:
    """A deadline waits for every partition that the service reads, those of other lanes included."""

    def of_all(marks: Watermarks, *_: object) -> datetime:
        places = (TopicPartition(topic, number) for topic in marks._internal for number in marks._places.get(topic, ()))
        return min(marks._through.get(place, NEVER) for place in places)

    product.setattr(Watermarks, "of", of_all)


def a_deadline_does_not_wait_for_what_is_set_aside(product: Product) -> None:
    """What a stopped lane has read without effect is forgotten when it goes on."""
    note_progress = Watermarks.note_progress

    def as_if_taken_up(marks: Watermarks, progress: Any, _: object, seconds: float) -> None:
        note_progress(marks, progress, range(LANES), seconds)

    product.setattr(Watermarks, "note_progress", as_if_taken_up)


def a_deadline_counts_what_was_read_past_a_gap(product: Product) -> None:
    """That it is still to be said again is not noticed."""
    product.setitem(QUERIES._statements, "load_all_positions", "select *, true as whole from position")


BUGS = (
    Bug(
        one_watermark_serves_all_lanes,
        waiting_stories.a_deadline_falls_due_while_another_lane_stands_still,
        "starved: the deadline of ana's lane",
    ),
    Bug(
        a_deadline_does_not_wait_for_what_is_set_aside,
        waiting_stories.a_deadline_falls_due_while_its_own_lane_stands_still,
        "lost: g1",
    ),
    Bug(
        a_deadline_counts_what_was_read_past_a_gap,
        waiting_stories.a_deadline_falls_due_while_numbers_are_missing,
        "beaten: g2, g3",
    ),
)
