"""Hostile records: each has exactly its intended fault, as far as that shows without a service."""

import pytest

from deploy.simulation.delivery import OutgoingRecord
from deploy.simulation.hostile import hostile_records
from deploy.simulation.people import cohort
from deploy.simulation.seals import Seals
from shared.contracts import upstream
from shared.contracts.envelope import check_json, open_envelope
from shared.contracts.park_reasons import Parked, ParkReason

KEYS = Seals({kid: bytes(32) for kid in ("registration", "registry")})
RECORDS = list(hostile_records(cohort(7, 1000), KEYS))
TYPES = {event.name: event for event in upstream.EVENTS}
PARKED_BEFORE_DECODING = {
    "too_large",
    "null_value",
    "bad_envelope",
    "unknown_type",
    "too_deep",
    "invalid_json",
    "duplicate_key",
    "invalid_field",
}


def reason_before_decoding(record: OutgoingRecord) -> str:
    """Return the reason found in bytes, envelope or fields; empty if there is none."""
    try:
        envelope = open_envelope(record.value, record.headers, TYPES)
        check_json(envelope.data)
        TYPES[envelope.type].parse(envelope.data)
    except Parked as parked:
        return str(parked.reason)
    return ""


def test_hostile_records_cover_every_reason_upstream_can_provoke() -> None:
    provoked_otherwise = {"wait_full", "unknown_reference", "amount_mismatch", "contradicts_final"}
    assert {letter.parked for letter in RECORDS} == {str(reason) for reason in ParkReason} - provoked_otherwise


@pytest.mark.parametrize("number", range(len(RECORDS)))
def test_decoding_refuses_exactly_what_it_can_recognize(number: int) -> None:
    letter = RECORDS[number]
    assert reason_before_decoding(letter) == (letter.parked if letter.parked in PARKED_BEFORE_DECODING else "")


def test_decodable_hostile_records_have_unique_ids() -> None:
    ids = [dict(letter.headers)["ce_id"] for letter in RECORDS if letter.parked not in PARKED_BEFORE_DECODING]
    assert len(set(ids)) == len(ids)
