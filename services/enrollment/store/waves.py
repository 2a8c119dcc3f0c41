"""Waves and the counters of their quotas."""

from collections.abc import Collection, Mapping

from asyncpg import Connection

from services.enrollment.domain.admission import Wave
from services.enrollment.store import QUERIES


async def insert_waves(connection: Connection, waves: Collection[Wave]) -> None:
    await connection.execute(
        QUERIES["insert_waves"],
        [w.wave for w in waves],
        [w.scheme for w in waves],
        [w.quota for w in waves],
        [w.opens_at for w in waves],
        [w.closes_at for w in waves],
    )


async def load_waves(connection: Connection, waves: Collection[str]) -> dict[str, Wave]:
    rows = await connection.fetch(QUERIES["load_waves"], list(waves))
    return {row["wave"]: Wave(**row) for row in rows}


async def load_opened_waves(connection: Connection) -> list[str]:
    """All waves that were ever opened; a programme has some dozens."""
    return [row["wave"] for row in await connection.fetch(QUERIES["load_opened_waves"])]


async def lock_waves(connection: Connection, waves: Collection[str]) -> dict[str, int]:
    """Locks the waves to the end of the transaction; answers how many places each still has."""
    rows = await connection.fetch(QUERIES["lock_waves"], list(waves))
    return {row["wave"]: row["places"] for row in rows}


async def count_admissions(connection: Connection, admitted: Mapping[str, int], refused: Mapping[str, int]) -> None:
    """Adds what was decided to the counters of each wave."""
    waves = sorted(admitted.keys() | refused.keys())
    await connection.execute(
        QUERIES["count_admissions"],
        waves,
        [admitted.get(wave, 0) for wave in waves],
        [refused.get(wave, 0) for wave in waves],
    )


async def overbook_waves(connection: Connection, admitted: Mapping[str, int]) -> None:
    """Makes room for admissions that had been announced, where the places that are left do not suffice."""
    if admitted:
        await connection.execute(QUERIES["overbook_waves"], list(admitted), list(admitted.values()))


async def recount_promised(connection: Connection, waves: Collection[str]) -> None:
    """Counts what was announced before a restore and is not a row again yet."""
    if waves:
        await connection.execute(QUERIES["recount_promised"], sorted(waves))


async def count_waves(connection: Connection) -> list[tuple[str, int, int]]:
    """(wave, admitted, refused) of every wave."""
    return [tuple(row) for row in await connection.fetch(QUERIES["count_waves"])]
