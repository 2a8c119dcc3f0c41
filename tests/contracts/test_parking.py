"""The pointer that the engine writes to a parked record is the one that was published.

The engine builds it by hand, for it knows no contract of the services; here the two are held against each other.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.contracts.events import EventType
from shared.contracts.park_reasons import ParkReason
from shared.contracts.parking import EVENTS, RecordParked
from shared.contracts.published_files import SCHEMAS, file_name
from shared.contracts.topics import SERVICES
from shared.messaging.message import Record
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.flush import _pointer
from shared.messaging.transaction.transaction import ParkedRecord
from tests.builders import a_wave

NOW = datetime(2023, 2, 22, 3, 0, 0, 250_000, tzinfo=UTC)
WHOLE = a_wave().record(4711)
NAMED = ("ce_id", "ce_source", "ce_type")
STRANGE = {
    "nothing that was asked for": (),
    "headers without a value": tuple((name, None) for name in NAMED),
    "bytes that are no text": tuple((name, b"\xff\x00\x1b[31m") for name in NAMED),
    "a text without end": tuple((name, "\u00e9".encode() * 4096) for name in NAMED),
}


def pointer_to(record: Record, reason: ParkReason = ParkReason.INVALID_FIELD, service: str = "payment") -> OutboxEvent:
    digest = hashlib.sha256(record.value or b"").digest()
    return _pointer(ParkedRecord(record, reason, "/price/value", lane=None), digest, service, NOW)


def assert_as_published(pointer: OutboxEvent, event: EventType[RecordParked]) -> None:
    """Follows the schema, and the type takes all of it in and would write the same."""
    schema: dict[str, Any] = json.loads((SCHEMAS / file_name(event)).read_text())
    written = json.loads(pointer.data)
    Draft202012Validator(schema).validate(written)
    assert json.loads(event.dump(event.parse(pointer.data))) == written


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_points_in_the_way_that_was_published(service: str) -> None:
    said = pointer_to(WHOLE, service=service)
    (event,) = (event for event in EVENTS if event.name == said.type)
    assert event.topic == f"dead-letters.{service}"
    assert_as_published(said, event)


@pytest.mark.parametrize("reason", ParkReason)
def test_every_reason_is_a_published_one(reason: ParkReason) -> None:
    assert_as_published(pointer_to(WHOLE, reason), EVENTS[0])


@pytest.mark.parametrize("headers", STRANGE.values(), ids=STRANGE)
def test_whatever_was_sent_is_pointed_to_in_the_published_way(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    record = Record(WHOLE.topic, 0, 0, 0, key=None, value=None, headers=headers)
    assert_as_published(pointer_to(record), EVENTS[0])


def test_the_pointer_says_which_record_it_is_and_repeats_nothing_that_was_in_it() -> None:
    said, value = pointer_to(WHOLE), WHOLE.value or b""
    assert RecordParked.model_validate_json(said.data) == RecordParked(
        reason=ParkReason.INVALID_FIELD,
        detail="/price/value",
        topic="programme.registry",
        partition=0,
        offset=4711,
        parked_at=NOW,
        ce_id=WHOLE.header("ce_id"),
        ce_source="/registry",
        ce_type="salur.registry.wave_opened.v1",
        size=len(value),
        sha256=hashlib.sha256(value).hexdigest(),
    )


def test_its_headers_say_where_and_why_as_its_data_does() -> None:
    said = pointer_to(WHOLE)
    data = json.loads(said.data)
    in_headers = ("reason", "detail", "topic", "partition", "offset", "parked_at")
    assert said.headers == {f"salur_{name}": str(data[name]) for name in in_headers}
