"""Blocks of participants, and what is held while they last."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from asyncpg import Connection

from services.payment.domain.block import Block
from services.payment.domain.disbursement import Disbursement
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.postgres.columns import columns


async def load_blocks(connection: Connection, participant_ids: Collection[str]) -> dict[str, Block]:
    """Load the blocks of those of these participants who were ever blocked or unblocked."""
    if not participant_ids:
        return {}
    rows = await connection.fetch(QUERIES["load_blocks"], list(participant_ids))
    return {row["participant_id"]: Block(**row) for row in rows}


class BlockCauses(NamedTuple):
    """Numbers of the events that blocked and unblocked a participant; None: there was none just now."""

    block: int | None = None
    unblock: int | None = None


async def save_blocks(connection: Connection, blocks: Sequence[Block], caused_by: Mapping[str, BlockCauses]) -> None:
    """Save blocks and their causes by participant; none may be listed twice."""
    causes = [caused_by.get(one.participant_id, BlockCauses()) for one in blocks]
    await connection.execute(
        QUERIES["save_blocks"],
        *columns(blocks, "participant_id", "lane", "blocked_at", "unblocked_at"),
        *columns(causes, "block", "unblock"),
    )


async def load_held_of_trainings(connection: Connection, participant_ids: Collection[str]) -> list[Disbursement]:
    """Load all that is held with the trainings of these participants, whoever is paid."""
    rows = await connection.fetch(QUERIES["load_held_of_trainings"], list(participant_ids))
    return [disbursement_of(row) for row in rows]
