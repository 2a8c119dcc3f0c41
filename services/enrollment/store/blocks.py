"""Blocks and unblocks of participants."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.domain.block import Block
from services.enrollment.store import QUERIES


# A NamedTuple, whose fields are the columns that are copied and loaded, in order.
class StoredBlock(NamedTuple):
    """A block or unblock of one participant, with the reason that registration gave.

    `carried_by`: the number of the event that announced it.
    """

    participant_id: str
    at: datetime
    blocked: bool
    lane: int
    reason: str
    carried_by: int | None = None

    @property
    def block(self) -> Block:
        return Block(self.at, self.blocked)


async def load_blocks(connection: Connection, people: Collection[str]) -> dict[str, list[StoredBlock]]:
    """Load all blocks and unblocks by participant; a participant who was never blocked is missing."""
    found: defaultdict[str, list[StoredBlock]] = defaultdict(list)
    if people:
        for row in await connection.fetch(QUERIES["load_blocks"], list(people)):
            found[row["participant_id"]].append(StoredBlock._make(row))
    return dict(found)


async def insert_blocks(connection: Connection, blocks: Sequence[StoredBlock]) -> None:
    """Insert blocks and unblocks. None of them may be stored already."""
    await connection.copy_records_to_table("block", columns=StoredBlock._fields, records=blocks)
