"""Counts of what rests sealed in the engine's tables, by the kid of the key that sealed it."""

from collections import Counter
from collections.abc import Sequence

from asyncpg import Connection

from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing, expand, kid_of, kids_in
from shared.messaging.message import unpack
from shared.messaging.outbox.page import decode
from shared.messaging.queries import QUERIES

PORTION = 500
CURSOR_ROWS = 50

KidCounts = Counter[str]


async def count_seals(connection: Connection, query: str, *arguments: object) -> KidCounts:
    """Count sealed columns: the query returns the beginning of tokens, whole or compact, and the number of each."""
    rows = await connection.fetch(query, *arguments)
    found = KidCounts()
    for row in rows:
        found[kid_of(expand(f"{row['header']}.."))] += row["number"]
    return found


async def count_parked(connection: Connection) -> KidCounts:
    """Count parked records by the key of this service that sealed their bytes; what opens no more is left out."""
    return await count_seals(connection, QUERIES["count_parked_by_key"])


async def count_deferred(connection: Connection, topics: Sequence[str]) -> KidCounts:
    """Count sealed fields of deferred records from these topics."""
    found, after = KidCounts(), 0
    while rows := await connection.fetch(QUERIES["load_deferred_of_topics"], after, topics, PORTION):
        after = rows[-1]["id"]
        found.update(kid for row in rows for kid in kids_in(unpack(row["record"]).value))
    return found


async def count_replayable(connection: Connection, topics: Sequence[str], vault: KeyRing) -> KidCounts:
    """Count sealed fields inside open parked records from these topics, which a replay would open."""
    found, after = KidCounts(), 0
    while rows := await connection.fetch(QUERIES["load_replayable_of_topics"], after, topics, PORTION):
        after = rows[-1]["id"]
        for row in rows:
            try:
                packed = vault.open_bytes(row["sealed"], secret=row["secret"])
            except Parked:
                continue
            found.update(kids_in(unpack(packed).value))
    return found


async def count_pages(connection: Connection, topic: str) -> KidCounts:
    """Count sealed fields of the events that are kept in the pages of a topic."""
    found = KidCounts()
    async with connection.transaction():
        async for row in connection.cursor(QUERIES["load_page_events"], topic, prefetch=CURSOR_ROWS):
            found.update(kid for event in decode(row["events"]) for kid in kids_in(event.data))
    return found
