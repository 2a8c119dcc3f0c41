"""Halts."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.store import QUERIES


async def load_halts(connection: Connection) -> frozenset[str]:
    """Load the halted scopes: partners, `all`, and components with an adopted instruction of unknown fund."""
    return frozenset(row["scope"] for row in await connection.fetch(QUERIES["load_halts"]))


async def view_halts(connection: Connection) -> Sequence[Record]:
    """Return each halt with the participants, disbursements and rupiah that it holds, the oldest first."""
    return await connection.fetch(QUERIES["load_halts_with_backlog"])


async def insert_halt(connection: Connection, scope: str, now: datetime, who: str, why: str) -> bool:
    """Insert a halt; return False if the scope was halted already."""
    return await connection.fetchval(QUERIES["insert_halt"], scope, now, who, why) is not None


async def delete_halt(connection: Connection, scope: str) -> bool:
    """Delete a halt; return False if there was none."""
    return await connection.fetchval(QUERIES["delete_halt"], scope) is not None
