"""Load for benchmarks: whole journeys without faults, packed before the measurement starts.

A journey is three requests (admission, account, purchase) and four pieces of evidence (attendance, test, work, rating).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaProducer

from deploy.simulation.delivery import OutgoingRecord, RecordBatches, outgoing_record, pack, send, send_batches
from deploy.simulation.people import Person, cohort
from deploy.simulation.timeline import Sealer, funds_appropriated, providers_registered, timeline, wave_opened
from shared.contracts.topics import ENROLLMENT_REQUESTS, TRAINING_ATTENDANCE, TRAINING_EVIDENCE, TRAINING_PURCHASES

REQUESTS, EVIDENCE = (ENROLLMENT_REQUESTS, TRAINING_PURCHASES), (TRAINING_ATTENDANCE, TRAINING_EVIDENCE)
NOT_NEEDED = "certificate_issued.v1"
PORTION = 500
DEAREST = 3_500_000
PEOPLE_A_DOCUMENT = 100_000
# Share of the journeys in flight whose evidence has not been sent, as people learn before they are tested.
SHARE_LEARNING = 0.75
LOOK_EVERY_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Portion:
    """Packed requests and evidence of some people."""

    people: list[Person]
    requests: RecordBatches
    evidence: RecordBatches


def journeys(seed: int, count: int, first_number: int = 0) -> list[Person]:
    """Return ordinary people, each with an online training of one session."""
    people = cohort(seed, count, first_number, weights={})
    return [replace(person, mode="online", sessions=1) for person in people]


def prepare(
    producer: AIOKafkaProducer, keys: Sealer, people: list[Person], *, portion: int = PORTION
) -> Iterator[Portion]:
    """Yield portions of packed record batches, in the order in which their people begin."""
    for first in range(0, len(people), portion):
        part = people[first : first + portion]
        records = [one for person in part for one in _records_of(person, keys)]
        requests = pack(producer, (one for one in records if one.topic in REQUESTS))
        yield Portion(part, requests, pack(producer, (one for one in records if one.topic in EVIDENCE)))


async def open_programme(producer: AIOKafkaProducer, keys: Sealer, people: int, seed: int) -> None:
    """Send the wave, the providers and enough money for all.

    No document appropriates more than PEOPLE_A_DOCUMENT people need, since amounts are bounded.
    """
    documents = [(n, min(PEOPLE_A_DOCUMENT, people - n)) for n in range(0, people, PEOPLE_A_DOCUMENT)]
    money = [
        funds_appropriated(component, count * DEAREST, f"SP2D-{seed}-{first}")
        for component in ("training", "incentive")
        for first, count in documents
    ]
    await send(producer, map(outgoing_record, [wave_opened(), *providers_registered(keys), *money]))


async def send_portions(
    producer: AIOKafkaProducer, portions: Sequence[Portion], *, done: Callable[[], int], in_flight: int
) -> None:
    """Send one portion after another while at most `in_flight` journeys are begun and not `done()`.

    The evidence of a portion follows the requests of later ones, so that SHARE_LEARNING of the journeys in flight have
    none yet.
    """
    begun = 0
    lag = int(in_flight * SHARE_LEARNING) // len(portions[0].people)
    for number in range(len(portions) + lag):
        while begun - done() >= in_flight:  # noqa: ASYNC110 - what is done is not known in this process
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        if number < len(portions):
            begun += len(portions[number].people)
            await send_batches(producer, portions[number].requests)
        if number >= lag:
            await send_batches(producer, portions[number - lag].evidence)


def _records_of(person: Person, keys: Sealer) -> Iterator[OutgoingRecord]:
    return (outgoing_record(event) for event in timeline(person, keys) if not event.type.endswith(NOT_NEEDED))
