"""Internal records: the number is read first, and a record with a number that cannot be read is a gap."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.completion.app import definition as completion
from services.completion.settings import CompletionSettings
from services.enrollment.app import definition as enrollment
from services.enrollment.settings import EnrollmentSettings
from services.payment.app import definition as payment
from services.payment.settings import PaymentSettings
from shared.contracts import completion as said_by_completion
from shared.contracts import enrollment as said_by_enrollment
from shared.contracts.topics import LANES
from shared.messaging.message import Record
from shared.messaging.reading.position import Position, PositionMoved
from shared.messaging.sequence_number import ERA_AHEAD_AT_MOST, SequenceNumber
from shared.messaging.transaction.batch import Batch, filter_batch
from shared.messaging.transaction.decoder import LARGEST_INTERNAL_BYTES, DecodedRecord, Decoder
from shared.messaging.transaction.lane import Lane
from shared.messaging.transaction.subscription import Source, Subscription
from tests.builders import keys_folder
from tests.unit.contracts.decoding import never_called

NOW = datetime(2023, 3, 1, tzinfo=UTC)
REAL_NOW = 1_700_000_000_000_000
LANE, ERA, FIRST, NUMBER = 3, REAL_NOW - 10**12, 5, 7
EVENTS, MORE = "enrollment.events", "completion.events"
REJECTED = said_by_enrollment.ENROLLMENT_REJECTED
IGNORED = said_by_enrollment.PARTICIPANT_REFUSED
RATED = said_by_completion.TRAINING_RATED
VALUE = b'{"participant_id":"4810000000000017","redeem_code":"PRAT0AB12CD3","wave":"48","reason":"wave_full"}'
GOOD = {
    "ce_specversion": "1.0",
    "ce_id": f"{EVENTS}/{LANE}/{ERA}/{NUMBER}",
    "ce_source": "/salur/enrollment",
    "ce_type": REJECTED.name,
    "ce_time": "2023-02-17T12:00:00Z",
    "content-type": "application/json",
    "ce_era": f"{ERA}.{FIRST}",
    "ce_sequence": str(NUMBER),
}
INTAKE = Decoder(
    [
        Source(EVENTS, (Subscription(REJECTED, never_called), Subscription(IGNORED, None)), producer="enrollment"),
        Source(MORE, (Subscription(RATED, never_called),), producer="completion"),
    ],
    real_time=lambda: REAL_NOW,
)


def a_record(value: bytes | None = VALUE, headers: Mapping[str, str | None] | None = None, offset: int = 0) -> Record:
    named = {**GOOD, **(headers or {})}
    encoded = tuple((name, text.encode()) for name, text in named.items() if text is not None)
    return Record(EVENTS, LANE, offset, 0, None, value, encoded)


def numbered(number: int, offset: int, *, value: bytes = VALUE, topic: str = EVENTS) -> DecodedRecord:
    """Return the decoded record of this number."""
    service = topic.partition(".")[0]
    headers = {
        "ce_sequence": str(number),
        "ce_id": f"{topic}/{LANE}/{ERA}/{number}",
        "ce_source": f"/salur/{service}",
        "ce_type": REJECTED.name if topic == EVENTS else RATED.name,
    }
    return INTAKE.decode(a_record(value, headers, offset)._replace(topic=topic), NOW)


def test_readable_record_has_a_number_and_a_message() -> None:
    item = INTAKE.decode(a_record(), NOW)
    assert (item.number, item.refusal, item.lane) == (SequenceNumber(ERA, FIRST, NUMBER), None, LANE)
    assert item.message is not None


UNREADABLE: dict[str, tuple[bytes | None, Mapping[str, str | None], str]] = {
    "too large": (b" " * (LARGEST_INTERNAL_BYTES + 1), {}, "too_large"),
    "no value": (None, {}, "null_value"),
    "no JSON": (b"{", {}, "invalid_json"),
    "wrong field": (VALUE.replace(b'"48"', b"48"), {}, "invalid_field /wave"),
    "unknown version": (VALUE, {"ce_type": REJECTED.name.replace("v1", "v2")}, "unknown_type"),
    "no type": (VALUE, {"ce_type": None}, "bad_envelope ce_type"),
    "no time": (VALUE, {"ce_time": None}, "bad_envelope ce_time"),
    "other content": (VALUE, {"content-type": "text/plain"}, "bad_envelope content-type"),
    "structured": (VALUE, {"content-type": "application/cloudevents+json"}, "bad_envelope ce_specversion"),
}


@pytest.mark.parametrize(("value", "headers", "why"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_unreadable_record_keeps_its_number(value: bytes | None, headers: Mapping[str, str | None], why: str) -> None:
    item = INTAKE.decode(a_record(value, headers), NOW)
    assert (item.number, str(item.refusal), item.lane) == (SequenceNumber(ERA, FIRST, NUMBER), why, LANE)


def test_record_with_a_repeated_header_is_unreadable_and_not_foreign() -> None:
    record = a_record()
    item = INTAKE.decode(record._replace(headers=(*record.headers, ("ce_type", b"x"))), NOW)
    assert (item.number, str(item.refusal)) == (SequenceNumber(ERA, FIRST, NUMBER), "bad_envelope ce_type")


def test_record_of_an_ignored_type_takes_its_number_unread() -> None:
    item = INTAKE.decode(a_record(b"{", {"ce_type": IGNORED.name, "ce_time": None}), NOW)
    assert item == DecodedRecord(item.record, number=SequenceNumber(ERA, FIRST, NUMBER))


def test_event_from_before_events_were_bounded_is_read() -> None:
    assert INTAKE.decode(a_record(VALUE.ljust(500_000)), NOW).message is not None


AHEAD = REAL_NOW + ERA_AHEAD_AT_MOST
NOT_OURS: dict[str, tuple[Mapping[str, str | None], str]] = {
    "no era": ({"ce_era": None}, "ce_era"),
    "no first": ({"ce_era": str(ERA)}, "ce_era"),
    "no sequence": ({"ce_sequence": None}, "ce_sequence"),
    "no number": ({"ce_sequence": "seven"}, "ce_sequence"),
    "a sign": ({"ce_sequence": "+7"}, "ce_sequence"),
    "other digits": ({"ce_sequence": "\N{ARABIC-INDIC DIGIT SEVEN}"}, "ce_sequence"),
    "zeros before": ({"ce_sequence": "007", "ce_id": f"{EVENTS}/{LANE}/{ERA}/007"}, "ce_sequence"),
    "no source": ({"ce_source": None}, "ce_source"),
    "another source": ({"ce_source": "/salur/completion"}, "ce_source"),
    "no id": ({"ce_id": None}, "ce_id"),
    "another topic": ({"ce_id": f"{MORE}/{LANE}/{ERA}/{NUMBER}"}, "ce_id"),
    "another lane": ({"ce_id": f"{EVENTS}/4/{ERA}/{NUMBER}"}, "ce_id"),
    "another era": ({"ce_era": f"{ERA + 1}.{FIRST}"}, "ce_id"),
    "another number": ({"ce_sequence": "8"}, "ce_id"),
    "first beyond it": ({"ce_era": f"{ERA}.8"}, "ce_era"),
    "too far ahead": ({"ce_era": f"{AHEAD + 1}.5", "ce_id": f"{EVENTS}/{LANE}/{AHEAD + 1}/{NUMBER}"}, "ce_era"),
}


@pytest.mark.parametrize(("headers", "detail"), NOT_OURS.values(), ids=list(NOT_OURS))
@pytest.mark.parametrize("value", [VALUE, b"x" * (LARGEST_INTERNAL_BYTES + 1), None], ids=["good", "huge", "null"])
def test_record_that_does_not_fit_its_number_is_foreign(
    value: bytes | None, headers: Mapping[str, str | None], detail: str
) -> None:
    item = INTAKE.decode(a_record(value, headers), NOW)
    assert (item.number, item.lane, str(item.refusal)) == (None, None, f"bad_envelope {detail}")


def test_era_up_to_a_day_ahead_of_real_time_is_accepted() -> None:
    headers = {"ce_era": f"{AHEAD}.5", "ce_id": f"{EVENTS}/{LANE}/{AHEAD}/{NUMBER}"}
    assert INTAKE.decode(a_record(VALUE, headers), NOW).number == SequenceNumber(AHEAD, 5, NUMBER)


def test_services_know_every_type_of_the_internal_topics_that_they_read() -> None:
    said = {EVENTS: said_by_enrollment.EVENTS, MORE: said_by_completion.EVENTS}
    services = (
        enrollment(EnrollmentSettings(keys_folder=keys_folder())),
        completion(CompletionSettings(keys_folder=keys_folder())),
        payment(PaymentSettings(keys_folder=keys_folder())),
    )
    for source in (source for parts in services for source in parts.sources if source.producer is not None):
        assert source.topic == f"{source.producer}.events"
        assert {one.event.name for one in source.subscriptions} == {event.name for event in said[source.topic]}


def filtered(*items: DecodedRecord, **changes: Any) -> tuple[list[int], Position]:
    """Return the numbers with an effect, and the position of enrollment.events afterwards."""
    places = {
        TopicPartition(topic, LANE): Position(topic, LANE, era=ERA, last_sequence=NUMBER - 1)
        for topic in (EVENTS, MORE)
    }
    events = TopicPartition(EVENTS, LANE)
    places[events] = replace(places[events], **changes)
    lanes = {lane: Lane(lane, ERA, None, set_aside=False, catching_up=False, remembers=False) for lane in range(LANES)}
    found = filter_batch(Batch(items, dict.fromkeys(places, 0)), places, lanes, NOW, INTAKE)
    after = next((end for _, end in found.moves if end.place == events), places[events])
    return [item.number.sequence for item in found.effective if item.number], after


def test_unreadable_next_number_is_a_gap_with_its_first_offset() -> None:
    effective, after = filtered(numbered(7, 0, value=b"{"), numbered(7, 1, value=b"["), numbered(8, 2))
    assert effective == []
    assert (after.next_offset, after.last_sequence, after.gap_since) == (3, 6, NOW)
    assert (after.unreadable_offset, after.unreadable_why) == (0, "invalid_json")


def test_readable_number_ends_the_gap_and_clears_its_offset() -> None:
    stopped = {"gap_since": NOW - timedelta(hours=1), "unreadable_offset": 0, "unreadable_why": "too_large"}
    effective, after = filtered(numbered(7, 1), numbered(8, 2), **stopped)
    assert effective == [7, 8]
    assert (after.gap_since, after.unreadable_offset, after.unreadable_why, after.pass_offset) == (None,) * 4


def test_unreadable_duplicate_changes_nothing() -> None:
    effective, after = filtered(numbered(6, 0, value=b"{"), numbered(7, 1))
    assert (effective, after.gap_since) == ([7], None)


def test_unreadable_number_beyond_the_next_is_a_gap_without_an_offset() -> None:
    _, after = filtered(numbered(9, 0, value=b"{"))
    assert (after.gap_since, after.unreadable_offset) == (NOW, None)


def test_only_the_record_at_the_pass_offset_passes() -> None:
    stopped = {"gap_since": NOW, "unreadable_offset": 1, "unreadable_why": "invalid_json", "pass_offset": 1}
    effective, after = filtered(numbered(7, 0, value=b"{"), numbered(7, 1, value=b"{"), numbered(8, 2), **stopped)
    assert effective == [7, 8]
    assert (after.last_sequence, after.gap_since, after.pass_offset) == (8, None, None)


def test_gap_stops_other_topics_of_its_lane_from_the_same_batch_on() -> None:
    rated = VALUE.replace(b'"wave":"48","reason":"wave_full"', b'"stars":5,"rated_at":"2023-03-01T00:00:00Z"')
    effect = numbered(7, 0, value=rated, topic=MORE)
    assert effect.message is not None
    assert filtered(numbered(7, 0), effect)[0] == [7, 7]
    assert filtered(numbered(7, 0, value=b"{"), effect)[0] == []
    assert filtered(numbered(7, 0, value=b"{"), numbered(7, 1), effect)[0] == [7, 7]


def test_batch_that_begins_beyond_the_position_is_rejected() -> None:
    place = TopicPartition(EVENTS, LANE)
    position = Position(EVENTS, LANE, next_offset=1, era=ERA, last_sequence=6)
    with pytest.raises(PositionMoved):
        filter_batch(Batch([numbered(7, 2)], {place: 2}), {place: position}, {}, NOW, INTAKE)
