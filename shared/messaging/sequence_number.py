"""The number of an internal record: read before anything else about the record is judged."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from shared.contracts.park_reasons import Parked, ParkReason
from shared.messaging.message import Record

# Clocks of services differ by less. An era is real time in microseconds when it began.
ERA_AHEAD_AT_MOST = timedelta(days=1) // timedelta(microseconds=1)

_ERA = re.compile(rb"(\d{1,19})\.(\d{1,19})")
_SEQUENCE = re.compile(rb"[1-9]\d{0,18}")


class SequenceNumber(NamedTuple):
    """Where a record stands in its topic and lane. `first` is the first sequence of its era there."""

    era: int
    era_first: int
    sequence: int


def source_of(service: str) -> str:
    """Return the `ce_source` of all that a service says."""
    return f"/salur/{service}"


def sequence_number_of(record: Record, source: bytes, newest_era: int) -> SequenceNumber:
    """Return the number of a record that its topic's producer wrote.

    Raises Parked(bad_envelope) with the header's name when there is none, or when the record's source and id do not fit
    topic, lane, era and sequence, or its era lies beyond `newest_era`: then it is not ours, whatever it says.
    """
    named = dict(record.headers)
    sequence, found = named.get("ce_sequence"), _era(named.get("ce_era"))
    if found is None:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_era")
    if sequence is None or not _SEQUENCE.fullmatch(sequence):
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_sequence")
    era, first = found
    if named.get("ce_source") != source:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_source")
    if named.get("ce_id") != _identities(record.topic, record.partition, era) + sequence:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_id")
    number = int(sequence)
    if era > newest_era or not 1 <= first <= number:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_era")
    return SequenceNumber(era, first, number)


def identity_of(topic: str, lane: int, era: int, sequence: int) -> str:
    """Return the id of an event, derived from its place, so that saying it again is saying the same."""
    return f"{topic}/{lane}/{era}/{sequence}"


@lru_cache(1024)
def _identities(topic: str, lane: int, era: int) -> bytes:
    """Return how the ids of an era begin."""
    return identity_of(topic, lane, era, 0).encode()[:-1]


@lru_cache(1024)
def _era(value: bytes | None) -> tuple[int, int] | None:
    found = _ERA.fullmatch(value or b"")
    return (int(found[1]), int(found[2])) if found else None
