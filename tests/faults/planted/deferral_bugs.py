"""Planted bugs in deferred records and deadlines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.contracts.topics import LANES
from shared.messaging.queries import QUERIES
from shared.messaging.reading.watermark import NEVER, Watermarks
from shared.messaging.transaction import dispatch
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.transaction import Transaction
from tests.faults.planted import deferral_scenarios
from tests.faults.planted.bugs import Bug


def one_watermark_serves_all_lanes(product: pytest.MonkeyPatch) -> None:
    """Hold a deadline back for every partition that the service reads, those of other lanes included."""

    def of_all(marks: Watermarks, *_: object) -> datetime:
        places = (TopicPartition(topic, number) for topic in marks._internal for number in marks._places.get(topic, ()))
        return min(marks._watermarks.get(place, NEVER) for place in places)

    product.setattr(Watermarks, "of", of_all)


def a_deadline_ignores_records_set_aside(product: pytest.MonkeyPatch) -> None:
    """Let no deadline wait for records that its stopped lane has read without effect."""
    note_progress = Watermarks.note_progress

    def as_if_taken_up(marks: Watermarks, progress: Any, _: object, seconds: float) -> None:
        note_progress(marks, progress, range(LANES), seconds)

    product.setattr(Watermarks, "note_progress", as_if_taken_up)


def a_deadline_counts_records_read_past_a_gap(product: pytest.MonkeyPatch) -> None:
    """Count records after a gap as read although they must be published again."""
    product.setitem(QUERIES._statements, "load_all_positions", "select *, true as whole from position")


def it_lets_later_records_overtake_deferred_ones(product: pytest.MonkeyPatch) -> None:
    """Let a record that arrives after the cause take effect before older, deferred records."""

    async def none_is_behind(
        _tx: Transaction, _intake: Decoder, items: Sequence[DecodedRecord]
    ) -> Sequence[DecodedRecord]:
        return items

    product.setattr(dispatch, "_queue_behind_older", none_is_behind)
    product.setattr(dispatch._Pending, "_is_left_behind", lambda *_: False)


def it_forgets_the_rest_after_a_portion(product: pytest.MonkeyPatch) -> None:
    """Delete the note that more records are to be released."""
    product.setitem(
        QUERIES._statements,
        "end_turns",
        "delete from woken where (lane, kind, key) in (select * from unnest($1::smallint[], $2::text[], $3::text[]))",
    )


BUGS = (
    Bug(
        one_watermark_serves_all_lanes,
        deferral_scenarios.a_deadline_falls_due_while_another_lane_stands_still,
        "starved: the deadline of ana's lane",
    ),
    Bug(
        a_deadline_ignores_records_set_aside,
        deferral_scenarios.a_deadline_falls_due_while_its_own_lane_stands_still,
        "lost: g1",
    ),
    Bug(
        a_deadline_counts_records_read_past_a_gap,
        deferral_scenarios.a_deadline_falls_due_while_numbers_are_missing,
        "missed: g2, g3",
    ),
    Bug(
        it_lets_later_records_overtake_deferred_ones,
        deferral_scenarios.more_records_are_deferred_than_a_portion_holds,
        "one too many: with her",
    ),
    Bug(
        it_forgets_the_rest_after_a_portion,
        deferral_scenarios.more_records_are_deferred_than_a_portion_holds,
        "does not drain",
    ),
)
