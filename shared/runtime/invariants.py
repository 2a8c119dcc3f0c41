"""The invariants of the engine's own tables in every service, and the check of one."""

from dataclasses import dataclass

from asyncpg import Connection

from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import load_head, operation_hash
from shared.runtime.database import QUERIES
from shared.runtime.definition import Invariant


async def _pages_are_gapless(connection: Connection) -> list[str]:
    holes = await connection.fetch(QUERIES["holes_between_pages"])
    ends = await connection.fetch(QUERIES["numbers_without_pages"])
    return [
        *(f"{r['topic']}/{r['lane']}: a page begins at {r['first_sequence']}, not at {r['expected']}" for r in holes),
        *(
            f"{r['topic']}/{r['lane']}: pages end at {r['last_sequence']}, the next number is {r['next_sequence']}"
            for r in ends
        ),
    ]


async def _only_outbox_events_are_published(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["published_beyond_outbox"])
    return [f"{r['topic']}/{r['lane']}: published to {r['published']}, emitted only to {r['emitted']}" for r in rows]


async def _positions_follow_what_was_read(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["positions_before_their_record"])
    return [
        f"{r['topic']}/{r['partition']}: position {r['next_offset']}, but {r['last_offset']} was read" for r in rows
    ]


async def _no_deferred_record_is_overtaken_or_forgotten(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["overtaken_lanes"])
    forgotten = await connection.fetch(QUERIES["forgotten_lanes"])
    return [
        *(f"lane {r['lane']}: {r['records']} records set aside, and the lane is not marked" for r in rows),
        *(f"lane {r['lane']}: {r['records']} records set aside or replayed, and not released" for r in forgotten),
    ]


async def _parked_is_resolved_once(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["resolved_twice"])
    return [f"parked record {r['id']} was both replayed and closed" for r in rows]


async def _operations_are_a_chain(connection: Connection) -> list[str]:
    previous, number, breaches = GENESIS, 0, []
    for number, row in enumerate(await connection.fetch(QUERIES["operations"]), 1):
        hashed = operation_hash(
            row["previous_hash"], row["number"], row["at"], row["verb"], row["who"], row["why"], row["detail"]
        )
        if (row["number"], row["previous_hash"], row["hash"]) != (number, previous, hashed):
            breaches.append(f"operation {row['number']} does not match the hash chain")
        previous = row["hash"]
    ends = [(head.number, head.hash) for head in await load_head(connection)]
    return breaches if ends == [(number, previous)] else [*breaches, f"the log of operations does not end at {number}"]


async def _service_owns_nothing(connection: Connection) -> list[str]:
    return [row["breach"] for row in await connection.fetch(QUERIES["owned_by_the_service"])]


async def _eras_are_recorded(connection: Connection) -> list[str]:
    rows = await connection.fetch(QUERIES["eras_not_recorded"])
    return [f"{r['topic']}/{r['lane']}: era {r['era']} is not recorded, so its events have no id here" for r in rows]


ENGINE_INVARIANTS = (
    Invariant("E1", "pages are gapless", _pages_are_gapless),
    Invariant("E2", "nothing is published that the outbox does not hold", _only_outbox_events_are_published),
    Invariant("E3", "positions follow what was read", _positions_follow_what_was_read),
    Invariant("E4", "no deferred record is overtaken or forgotten", _no_deferred_record_is_overtaken_or_forgotten),
    Invariant("E5", "each parked record is resolved once", _parked_is_resolved_once),
    Invariant("E6", "the log of operations is a hash chain", _operations_are_a_chain),
    Invariant("E7", "the service's role owns no table or function", _service_owns_nothing),
    Invariant("E9", "each era that was written or read is recorded", _eras_are_recorded),
)


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """The result of one check as `verify --json` prints it, with a sentence for each breach."""

    id: str
    sentence: str
    holds: bool
    breaches: list[str]


async def breaches_of(connection: Connection, invariant: Invariant) -> list[str]:
    """Check one invariant in a read-only snapshot of its own."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await invariant.check(connection)
