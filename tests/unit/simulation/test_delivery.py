"""Delivery as upstream systems do it: repeated and shuffled, reproducible by seed."""

from collections import Counter
from dataclasses import replace

from deploy.simulation.delivery import interleave, repeat_and_shuffle
from deploy.simulation.people import cohort
from deploy.simulation.seals import Seals
from deploy.simulation.timeline import SimulatedEvent, timeline
from shared.contracts.envelope import open_envelope
from shared.contracts.topics import lane_of

KEYS = Seals({kid: bytes(32) for kid in ("registration", "registry")})
TIMELINES = [list(timeline(person, KEYS)) for person in cohort(7, 60)]
EVENTS = [event for of_one in TIMELINES for event in of_one]


def contents(event: SimulatedEvent) -> tuple[str, str, str]:
    return event.type, event.key, str(event.time)


def test_each_event_is_sent_one_to_three_times() -> None:
    records = repeat_and_shuffle(EVENTS, 7)
    times = Counter(record.value for record in records)
    assert len(times) == len(EVENTS)
    assert set(times.values()) == {1, 2, 3}


def test_repeats_have_other_ids_but_one_has_the_events_own() -> None:
    ids = Counter(dict(record.headers)["ce_id"] for record in repeat_and_shuffle(EVENTS, 7))
    assert max(ids.values()) == 1
    assert {event.id.encode() for event in EVENTS} <= ids.keys()


def test_repeats_of_an_event_that_keeps_its_id_have_it_too() -> None:
    kept = [replace(event, keeps_id=True) for event in EVENTS[:30]]
    ids = {dict(record.headers)["ce_id"] for record in repeat_and_shuffle(kept, 7)}
    assert ids == {event.id.encode() for event in kept}


def test_order_of_delivery_depends_on_the_seed_alone() -> None:
    assert interleave(TIMELINES, 7) == interleave(TIMELINES, 7)
    assert interleave(TIMELINES, 7) != interleave(TIMELINES, 8)


def test_effects_may_come_before_their_causes() -> None:
    first_seen: dict[str, list[str]] = {}
    for record in interleave(TIMELINES, 7):
        kind = dict(record.headers)["ce_type"].decode().split(".")[2]
        first_seen.setdefault((record.key or b"").decode(), []).append(kind)
    assert any(kinds[0] != "participant_admitted" for kinds in first_seen.values())


def test_last_timeline_does_not_overlap_the_first() -> None:
    keys = [(record.key or b"").decode() for record in interleave(TIMELINES, 7)]
    first, last = TIMELINES[0][0].key, TIMELINES[-1][0].key
    assert len(keys) - 1 - keys[::-1].index(first) < keys.index(last)


def test_record_has_an_envelope_and_the_lane_of_its_person() -> None:
    for record in repeat_and_shuffle(EVENTS, 7):
        known = {event.type for event in EVENTS}
        envelope = open_envelope(record.value, record.headers, known)
        assert envelope.data == record.value
        assert record.partition == lane_of((record.key or b"").decode())
