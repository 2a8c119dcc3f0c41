"""The dead letter of a parked record follows the published contract."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.contracts.events import EventType
from shared.contracts.park_reasons import ParkReason
from shared.contracts.parking import EVENTS, RecordParked, record_parked
from shared.contracts.published_files import SCHEMAS, file_name
from shared.contracts.topics import SERVICES
from shared.messaging.message import Record
from shared.messaging.transaction.parking import ParkedRecord, flush, headers_of
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


async def dead_letter_of(record: Record, reason: ParkReason = ParkReason.INVALID_FIELD) -> RecordParked:
    """Return the dead letter that the engine emits for a record that was not parked before."""
    rows = [{"topic": record.topic, "partition": record.partition, "offset": record.begins_at}]
    connection, vault = AsyncMock(fetch=AsyncMock(return_value=rows)), Mock()
    (dead_letter,) = await flush(connection, [ParkedRecord(record, reason, "/price/value", lane=None)], vault, NOW)
    return dead_letter


def assert_as_published(dead_letter: RecordParked, event: EventType[RecordParked]) -> None:
    schema: dict[str, Any] = json.loads((SCHEMAS / file_name(event)).read_text())
    Draft202012Validator(schema).validate(json.loads(event.dump(dead_letter)))


@pytest.mark.parametrize("service", SERVICES)
async def test_dead_letters_of_each_service_follow_the_published_schema(service: str) -> None:
    event = record_parked(service)
    assert (event.topic, event.name) == (f"dead-letters.{service}", f"salur.{service}.record_parked.v1")
    assert event in EVENTS
    assert_as_published(await dead_letter_of(WHOLE), event)


@pytest.mark.parametrize("reason", ParkReason)
async def test_dead_letter_of_every_reason_follows_the_published_schema(reason: ParkReason) -> None:
    assert_as_published(await dead_letter_of(WHOLE, reason), EVENTS[0])


@pytest.mark.parametrize("headers", STRANGE.values(), ids=STRANGE)
async def test_dead_letter_of_strange_headers_follows_the_published_schema(
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    record = Record(WHOLE.topic, 0, 0, 0, key=None, value=None, headers=headers)
    assert_as_published(await dead_letter_of(record), EVENTS[0])


async def test_dead_letter_names_its_record_and_repeats_nothing_from_it() -> None:
    value = WHOLE.value or b""
    assert await dead_letter_of(WHOLE) == RecordParked(
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


async def test_headers_of_a_dead_letter_repeat_its_data() -> None:
    dead_letter = await dead_letter_of(WHOLE)
    data = json.loads(EVENTS[0].dump(dead_letter))
    assert headers_of(dead_letter) == {
        f"salur_{name}": str(data[name]) for name in ("reason", "detail", "topic", "partition", "offset", "parked_at")
    }
