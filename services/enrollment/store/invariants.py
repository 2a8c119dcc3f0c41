"""Queries of the invariants: each returns the rows that breach one."""

from asyncpg import Connection, Record

from services.enrollment.store import QUERIES


async def load_miscounted_waves(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["load_miscounted_waves"])


async def load_uncaused_announcements(connection: Connection) -> list[str]:
    return [row["key"] for row in await connection.fetch(QUERIES["load_uncaused_announcements"])]


async def load_niks_admitted_twice(connection: Connection) -> list[str]:
    return [row["participant_id"] for row in await connection.fetch(QUERIES["load_niks_admitted_twice"])]


async def load_used_up_niks(connection: Connection) -> list[str]:
    return [row["owner"] for row in await connection.fetch(QUERIES["load_used_up_niks"])]


async def load_overdrawn_balances(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["load_overdrawn_balances"])


async def load_balances_without_deadline(connection: Connection) -> list[str]:
    return [row["participant_id"] for row in await connection.fetch(QUERIES["load_balances_without_deadline"])]


async def load_voids_of_unconfirmed(connection: Connection) -> list[str]:
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["load_voids_of_unconfirmed"])]


async def load_misclaimed_redeem_codes(connection: Connection) -> list[str]:
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["load_misclaimed_redeem_codes"])]


async def load_state_count_differences(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["load_state_count_differences"])


async def load_accounts_of_the_erased(connection: Connection) -> list[str]:
    return [row["participant_id"] for row in await connection.fetch(QUERIES["load_accounts_of_the_erased"])]
