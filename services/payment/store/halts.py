"""The operator's switch."""

from datetime import datetime

from asyncpg import Connection

from services.payment.store import QUERIES


async def load_halts(connection: Connection) -> frozenset[str]:
    """The scopes that are halted: partners, or `all`."""
    return frozenset(row["scope"] for row in await connection.fetch(QUERIES["load_halts"]))


async def insert_halt(connection: Connection, scope: str, now: datetime, who: str, why: str) -> bool:
    """Whether it was not halted before."""
    return await connection.fetchval(QUERIES["insert_halt"], scope, now, who, why) is not None


async def delete_halt(connection: Connection, scope: str) -> bool:
    """Whether it was halted."""
    return await connection.fetchval(QUERIES["delete_halt"], scope) is not None
