"""Blocks and unblocks of participants, and what is held while a block lasts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.domain.block import Block
from services.payment.domain.disbursement import Disbursement
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.postgres.columns import columns


class StoredBlock(NamedTuple):
    """A block or unblock of one participant. `caused_by`: the number of the event that told it."""

    participant_id: str
    at: datetime
    blocked: bool
    lane: int
    caused_by: int

    @property
    def block(self) -> Block:
        return Block(self.at, self.blocked)


async def load_blocks(connection: Connection, participant_ids: Collection[str]) -> dict[str, list[Block]]:
    """Load all blocks and unblocks by participant; a participant who was never blocked is missing."""
    found: defaultdict[str, list[Block]] = defaultdict(list)
    if participant_ids:
        for row in await connection.fetch(QUERIES["load_blocks"], list(participant_ids)):
            found[row["participant_id"]].append(Block(row["at"], row["blocked"]))
    return dict(found)


async def insert_blocks(connection: Connection, blocks: Sequence[StoredBlock]) -> None:
    """Insert blocks and unblocks. None of them may be stored already."""
    await connection.execute(QUERIES["insert_blocks"], *columns(blocks, *StoredBlock._fields))


async def load_held_of_trainings(connection: Connection, participant_ids: Collection[str]) -> list[Disbursement]:
    """Load all that is held with the trainings of these participants, whoever is paid."""
    rows = await connection.fetch(QUERIES["load_held_of_trainings"], list(participant_ids))
    return [disbursement_of(row) for row in rows]
