"""What contradicts itself in the tables; each answer lists breaches, none when all is well."""

from asyncpg import Connection, Record

from services.enrollment.store import QUERIES


async def waves_miscounted(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["waves_miscounted"])


async def announced_without_cause(connection: Connection) -> list[str]:
    return [row["key"] for row in await connection.fetch(QUERIES["announced_without_cause"])]


async def niks_admitted_twice(connection: Connection) -> list[str]:
    return [row["participant_id"] for row in await connection.fetch(QUERIES["niks_admitted_twice"])]


async def niks_used_up(connection: Connection) -> list[str]:
    return [row["owner"] for row in await connection.fetch(QUERIES["niks_used_up"])]


async def balances_overdrawn(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["balances_overdrawn"])


async def redeem_codes_astray(connection: Connection) -> list[str]:
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["redeem_codes_astray"])]


async def tally_differences(connection: Connection) -> list[Record]:
    return await connection.fetch(QUERIES["tally_differences"])
