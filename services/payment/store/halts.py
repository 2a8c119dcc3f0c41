"""The operator's switch."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.store import QUERIES


async def load_halts(connection: Connection) -> frozenset[str]:
    """The scopes that are halted: partners, or `all`."""
    return frozenset(row["scope"] for row in await connection.fetch(QUERIES["load_halts"]))


async def view_halts(connection: Connection) -> Sequence[Record]:
    """scope, who, why, since, and the participants, disbursements and rupiah that wait, the oldest halt first."""
    return await connection.fetch(QUERIES["load_halts_with_backlog"])


async def insert_halt(connection: Connection, scope: str, now: datetime, who: str, why: str) -> bool:
    """Whether it was not halted before."""
    return await connection.fetchval(QUERIES["insert_halt"], scope, now, who, why) is not None


async def delete_halt(connection: Connection, scope: str) -> bool:
    """Whether it was halted."""
    return await connection.fetchval(QUERIES["delete_halt"], scope) is not None
