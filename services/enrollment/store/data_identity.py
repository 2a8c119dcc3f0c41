"""Stored data that show which keys they were made with."""

from collections.abc import Collection

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.contracts.seals import token_prefix
from shared.messaging.outbox.page import OutboxEvent, decode


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


async def is_sealed_under(connection: Connection, kid: str) -> bool:
    """Return True if a kept account or a deferred record is sealed under this key. Reads both tables whole."""
    return bool(await connection.fetchval(QUERIES["is_sealed_under"], token_prefix(kid)))
