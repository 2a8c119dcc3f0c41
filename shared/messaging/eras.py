"""Eras of the topics that a service writes and reads, kept for ever: with them a number is the id of an event.

A decision keeps the number alone, eight bytes. The service's own numbers belong to one era each. A producer that was
restored gives numbers again: a reader has then seen one number in two eras, and both ids are named.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from asyncpg import Connection

from shared.messaging.queries import QUERIES
from shared.messaging.sequence_number import identity_of
from shared.postgres.columns import columns


class Era(NamedTuple):
    """An era of a topic and lane. `follows`: the last number of the era before it, as far as that was written or read.

    `first_sequence` is smaller than the number behind `follows` only where numbers were given again.
    """

    topic: str
    lane: int
    era: int
    first_sequence: int
    follows: int


class EventIds:
    """The ids of events in one lane, by topic and number."""

    def __init__(self, lane: int, eras: Iterable[Era]) -> None:
        self._lane = lane
        self._eras: defaultdict[str, list[Era]] = defaultdict(list)
        for era in sorted(eras, key=lambda one: one.era, reverse=True):
            self._eras[era.topic].append(era)

    def of(self, topic: str, sequence: int) -> list[str]:
        """Return the id of a number; several if it was given again, none for an era older than the table."""
        found = []
        for era in self._eras[topic]:
            if era.first_sequence <= sequence:
                found.append(identity_of(topic, self._lane, era.era, sequence))
            if era.follows < sequence:
                break
        return found


async def insert_eras(connection: Connection, eras: Sequence[Era]) -> None:
    """Insert eras that have just begun; one that is known stays."""
    if eras:
        await connection.execute(QUERIES["insert_eras"], *columns(eras, *Era._fields))


async def load_event_ids(connection: Connection, lane: int, topics: Collection[str]) -> EventIds:
    """Load the eras of these topics in a lane."""
    rows = await connection.fetch(QUERIES["load_eras"], lane, list(topics))
    return EventIds(lane, [Era._make(row) for row in rows])
