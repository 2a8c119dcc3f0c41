"""Participants who were erased, and what is kept of them."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.postgres.columns import columns


class Erasure(NamedTuple):
    """Erasure of a participant. Its fields are the columns of its table.

    `carried_by`: the number of the event that announced it.
    """

    participant_id: str
    lane: int
    erased_at: datetime
    carried_by: int | None = None


async def load_erased(connection: Connection, people: Collection[str]) -> set[str]:
    """Load those of these participants who were erased."""
    return {row["participant_id"] for row in await connection.fetch(QUERIES["load_erased"], list(people))}


async def insert_erasures(connection: Connection, erasures: Collection[Erasure]) -> None:
    """Insert erasures, except of participants who were erased before."""
    await connection.execute(QUERIES["insert_erasures"], *columns(erasures, *Erasure._fields))


async def erase_kept_accounts(connection: Connection, people: Collection[str]) -> int:
    """Erase the accounts that are kept of these participants; return how many."""
    status = await connection.execute(QUERIES["erase_kept_accounts"], list(people))
    return int(status.rsplit(" ", 1)[-1])
