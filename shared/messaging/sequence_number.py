"""The number of an internal record: it is read and checked before anything else of the record."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from shared.contracts.park_reasons import Parked, ParkReason
from shared.messaging.message import Record

# Clocks of services differ by less. An era is the real time at which it began, in microseconds.
ERA_AHEAD_AT_MOST = timedelta(days=1) // timedelta(microseconds=1)

_ERA = re.compile(rb"(\d{1,19})\.(\d{1,19})")
_SEQUENCE = re.compile(rb"[1-9]\d{0,18}")


class SequenceNumber(NamedTuple):
    """The number of a record in its topic and lane; `era_first` is the first sequence of its era there.

    A tuple, since one is made per record.
    """

    era: int
    era_first: int
    sequence: int


def source_of(service: str) -> str:
    """Return the `ce_source` of every event of a service."""
    return f"/salur/{service}"


def sequence_number_of(record: Record, source: bytes, newest_era: int) -> SequenceNumber:
    """Return the number of a record that its topic's producer wrote.

    Raise Parked(bad_envelope) with the header's name if there is none, if source and id do not fit topic, lane, era and
    sequence, or if the era lies beyond `newest_era`: then another producer wrote it.
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
    if named.get("ce_id") != identity_prefix(record.topic, record.partition, era) + sequence:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_id")
    number = int(sequence)
    if era > newest_era or not 1 <= first <= number:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_era")
    return SequenceNumber(era, first, number)


def identity_of(topic: str, lane: int, era: int, sequence: int) -> str:
    """Return the id of an event: derived from its place, so that publishing it again repeats the id."""
    return f"{topic}/{lane}/{era}/{sequence}"


def sequence_in(event_id: str) -> int:
    """Return the number in the id of an event of Salur's own."""
    return int(event_id[event_id.rindex("/") + 1 :])


@lru_cache(1024)
def identity_prefix(topic: str, lane: int, era: int) -> bytes:
    """Return the beginning that the ids of an era have in common; the sequence follows it."""
    return identity_of(topic, lane, era, 0).encode()[:-1]


@lru_cache(1024)
def _era(value: bytes | None) -> tuple[int, int] | None:
    found = _ERA.fullmatch(value or b"")
    return (int(found[1]), int(found[2])) if found else None
