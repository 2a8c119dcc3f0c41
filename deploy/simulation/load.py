"""Load for benchmarks: whole journeys without trouble, packed before the clock starts.

A journey is three requests (admission, account, purchase) and four pieces of evidence (attendance, test, work, rating).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaProducer

from deploy.simulation.people import Person, cohort
from deploy.simulation.sending import Letter, Packed, letter, pack, post, send
from deploy.simulation.story import Sealer, story, the_money, the_providers, the_wave

NOT_NEEDED = "certificate_issued.v1"


@dataclass(frozen=True, slots=True)
class Portion:
    """So many journeys, from admission to rating."""

    people: list[Person]
    packed: Packed


def journeys(seed: int, count: int, first_number: int = 0) -> list[Person]:
    """People to whom nothing special happens, each with an online training of one session."""
    people = cohort(seed, count, first_number, weights={})
    return [replace(person, mode="online", sessions=1) for person in people]


def prepare(
    producer: AIOKafkaProducer, keys: Sealer, people: list[Person], *, portion: int = 2000
) -> Iterator[Portion]:
    """Portions of ready-made record batches, each with all that happens to its people, in order."""
    for first in range(0, len(people), portion):
        part = people[first : first + portion]
        yield Portion(part, pack(producer, (one for person in part for one in _letters(person, keys))))


async def open_the_programme(producer: AIOKafkaProducer, keys: Sealer, people: int, seed: int) -> None:
    """The wave, the providers, and money enough for all."""
    money = [the_money(component, people * 3_500_000, f"SP2D-{seed}") for component in ("training", "incentive")]
    await send(producer, map(letter, [the_wave(people), *the_providers(keys), *money]))


async def pour(producer: AIOKafkaProducer, portions: list[Portion]) -> None:
    """Sends everything as fast as it is taken."""
    for portion in portions:
        await post(producer, portion.packed)


def _letters(person: Person, keys: Sealer) -> Iterator[Letter]:
    return (letter(event) for event in story(person, keys) if not event.type.endswith(NOT_NEEDED))
