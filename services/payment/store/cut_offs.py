"""Cut-offs of waves, by lane."""

from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection

from services.payment.domain.cut_off import CutOff
from services.payment.domain.disbursement import Disbursement
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.contracts.topics import LANES
from shared.postgres.columns import columns


async def insert_cut_offs(connection: Connection, cut_offs: Sequence[CutOff]) -> set[str]:
    """Insert cut-offs for all lanes, and return the waves of which none was known; the first of a wave counts."""
    stated = columns(cut_offs, "wave", "cut_off_at", "acts_at")
    return {row["wave"] for row in await connection.fetch(QUERIES["insert_cut_offs"], *stated, list(range(LANES)))}


async def pass_cut_offs(connection: Connection, lanes: Sequence[int], acting_by: datetime, now: datetime) -> None:
    """Save that cut-offs have passed which act at `acting_by` or before, unless an attempt of the wave is queued."""
    await connection.execute(QUERIES["pass_cut_offs"], list(lanes), acting_by, now)


async def load_held_past_cut_off(connection: Connection, lanes: Sequence[int], at_most: int) -> list[Disbursement]:
    """Load what is held past its cut-off in lanes that are not cleared, and does not wait for a person already."""
    rows = await connection.fetch(QUERIES["load_held_past_cut_off"], list(lanes), at_most)
    return [disbursement_of(row) for row in rows]


async def clear_cut_offs(connection: Connection, lanes: Sequence[int]) -> None:
    """Save that nothing is held past the cut-offs of these lanes but what is frozen."""
    await connection.execute(QUERIES["clear_cut_offs"], list(lanes))


async def load_past_cut_off(connection: Connection, disbursements: Collection[Disbursement]) -> list[Disbursement]:
    """Return those of these disbursements of which the cut-off has passed."""
    waves_and_lanes = columns(disbursements, "wave", "lane")
    passed = {tuple(row) for row in await connection.fetch(QUERIES["load_past_cut_off"], *waves_and_lanes)}
    return [d for d in disbursements if (d.wave, d.lane) in passed]
