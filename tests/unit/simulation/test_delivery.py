"""How upstreams tell a story badly: several times, out of order, but always the same for the same seed."""

from collections import Counter

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


def test_every_event_is_sent_one_to_three_times() -> None:
    letters = repeat_and_shuffle(EVENTS, 7)
    times = Counter(letter.value for letter in letters)
    assert len(times) == len(EVENTS)
    assert set(times.values()) == {1, 2, 3}


def test_repeats_may_carry_other_ids_and_one_carries_its_own() -> None:
    ids = Counter(dict(letter.headers)["ce_id"] for letter in repeat_and_shuffle(EVENTS, 7))
    assert max(ids.values()) == 1
    assert {event.id.encode() for event in EVENTS} <= ids.keys()


def test_the_same_seed_sends_in_the_same_order_and_another_seed_does_not() -> None:
    assert interleave(TIMELINES, 7) == interleave(TIMELINES, 7)
    assert interleave(TIMELINES, 7) != interleave(TIMELINES, 8)


def test_effects_may_come_before_their_causes() -> None:
    first_seen: dict[str, list[str]] = {}
    for letter in interleave(TIMELINES, 7):
        kind = dict(letter.headers)["ce_type"].decode().split(".")[2]
        first_seen.setdefault((letter.key or b"").decode(), []).append(kind)
    assert any(kinds[0] != "participant_admitted" for kinds in first_seen.values())


def test_stories_begin_one_after_another_so_that_the_last_is_not_told_with_the_first() -> None:
    keys = [(letter.key or b"").decode() for letter in interleave(TIMELINES, 7)]
    first, last = TIMELINES[0][0].key, TIMELINES[-1][0].key
    assert len(keys) - 1 - keys[::-1].index(first) < keys.index(last)


def test_a_letter_is_an_envelope_in_the_lane_of_its_person() -> None:
    for letter in repeat_and_shuffle(EVENTS, 7):
        known = {event.type for event in EVENTS}
        envelope = open_envelope(letter.value, letter.headers, known)
        assert envelope.data == letter.value
        assert letter.partition == lane_of((letter.key or b"").decode())
