"""Halts."""

from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.store import QUERIES


async def load_halts_and_cut_offs(
    connection: Connection, waves: Collection[str], lanes: Collection[int]
) -> tuple[frozenset[str], frozenset[tuple[str, int]]]:
    """Load the halted scopes, and those of these waves and lanes that are past their cut-off.

    A scope is a partner, `wave:<wave>`, `all`, or a component with an adopted instruction of unknown fund.
    """
    rows = await connection.fetch(QUERIES["load_halts_and_cut_offs"], list(waves), list(lanes))
    halts = frozenset(row["scope"] for row in rows if row["lane"] is None)
    return halts, frozenset((row["scope"], row["lane"]) for row in rows if row["lane"] is not None)


async def view_halts(connection: Connection) -> Sequence[Record]:
    """Return each halt with the participants, disbursements and rupiah that it holds, the oldest first."""
    return await connection.fetch(QUERIES["load_halts_with_backlog"])


async def insert_halt(connection: Connection, scope: str, now: datetime, who: str, why: str) -> bool:
    """Insert a halt; return False if the scope was halted already."""
    return await connection.fetchval(QUERIES["insert_halt"], scope, now, who, why) is not None


async def delete_halt(connection: Connection, scope: str) -> bool:
    """Delete a halt; return False if there was none."""
    return await connection.fetchval(QUERIES["delete_halt"], scope) is not None


async def is_wave_known(connection: Connection, wave: str) -> bool:
    """Return True if the wave has a fund."""
    return bool(await connection.fetchval(QUERIES["is_wave_known"], wave))
