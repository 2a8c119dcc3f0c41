"""Outcomes published before a restore, as the engine's table `remembered` keeps them."""

from collections.abc import Collection

from asyncpg import Connection

from services.completion.store import QUERIES


async def load_remembered_outcomes(
    connection: Connection, types: Collection[str], redeem_codes: Collection[str]
) -> set[str]:
    """Load the redeem codes for which an event of one of these types had been published before a restore."""
    rows = await connection.fetch(QUERIES["load_remembered_outcomes"], list(types), list(redeem_codes))
    return {row["redeem_code"] for row in rows}
