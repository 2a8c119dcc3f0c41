"""Stored data that show which keys they were made with."""

from collections.abc import Collection

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.messaging.outbox.page import OutboxEvent, decode
from shared.messaging.transaction.seal_counts import KidCounts, count_seals


async def load_purchase_digest(connection: Connection) -> tuple[bytes, bytes] | None:
    """Load a purchase that is stored whole, and its keyed digest; None if there is none."""
    row = await connection.fetchrow(QUERIES["load_purchase_digest"])
    return None if row is None else (row["purchase"], row["content_digest"])


async def load_recent_events(connection: Connection) -> list[OutboxEvent]:
    """Load the events of the latest pages."""
    rows = await connection.fetch(QUERIES["load_recent_pages"])
    return [event for row in rows for event in decode(row["events"])]


async def load_identity_indexes(connection: Connection, people: Collection[str]) -> dict[str, str]:
    """Load the keyed index of the NIK, in hex, by participant, for those admitted."""
    rows = await connection.fetch(QUERIES["load_identity_indexes"], list(people))
    return {row["participant_id"]: row["identity_index"].hex() for row in rows}


async def count_sealed_accounts(connection: Connection) -> KidCounts:
    """Count the accounts that are kept of refused people, by the key that seals them."""
    return await count_seals(connection, QUERIES["count_sealed_accounts"])
