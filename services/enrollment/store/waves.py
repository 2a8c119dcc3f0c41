"""Waves, and the counters of their quotas."""

from collections.abc import Collection, Mapping

from asyncpg import Connection

from services.enrollment.domain.admission import Wave
from services.enrollment.store import QUERIES
from shared.postgres.columns import columns


async def insert_waves(connection: Connection, waves: Collection[Wave]) -> None:
    values = columns(waves, "wave", "scheme", "quota", "opens_at", "closes_at", "cut_off_at")
    await connection.execute(QUERIES["insert_waves"], *values)


async def load_waves(connection: Connection, waves: Collection[str]) -> dict[str, Wave]:
    rows = await connection.fetch(QUERIES["load_waves"], list(waves))
    return {row["wave"]: Wave(**row) for row in rows}


async def load_opened_waves(connection: Connection) -> list[str]:
    """Load the names of all waves that were ever opened; a programme has some dozens."""
    return [row["wave"] for row in await connection.fetch(QUERIES["load_opened_waves"])]


async def lock_waves(connection: Connection, waves: Collection[str]) -> dict[str, int]:
    """Lock the waves until the transaction ends; return how many places each has left."""
    rows = await connection.fetch(QUERIES["lock_waves"], list(waves))
    return {row["wave"]: row["places"] for row in rows}


async def count_admissions(connection: Connection, admitted: Mapping[str, int], refused: Mapping[str, int]) -> None:
    """Add decisions to the counters of each wave."""
    waves = sorted(admitted.keys() | refused.keys())
    await connection.execute(
        QUERIES["count_admissions"],
        waves,
        [admitted.get(wave, 0) for wave in waves],
        [refused.get(wave, 0) for wave in waves],
    )


async def overbook_waves(connection: Connection, admitted: Mapping[str, int]) -> None:
    """Make room for admissions announced before a restore, where too few places are left."""
    if admitted:
        await connection.execute(QUERIES["overbook_waves"], list(admitted), list(admitted.values()))


async def recount_promised(connection: Connection, waves: Collection[str]) -> None:
    """Count the admissions announced before a restore that are not decided again yet."""
    if waves:
        await connection.execute(QUERIES["recount_promised"], sorted(waves))


async def count_waves(connection: Connection) -> list[tuple[str, int, int]]:
    """Return (wave, admitted, refused) of every wave."""
    return [tuple(row) for row in await connection.fetch(QUERIES["count_waves"])]
