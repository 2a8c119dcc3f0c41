"""The tables that the benchmark of growth copies: all that hold rows of journeys, found in the schemas themselves."""

import asyncpg

from shared.contracts.topics import SERVICES
from tests.benchmarks.journey_copies import LEDGER, tables_of_journeys
from tests.infrastructure import Database
from tests.integration.postgres.test_plans import GROWING

# Of the engine, whose tables do not grow with journeys.
ENGINE = {"waiting", "page"}


async def test_copies_cover_every_table_that_grows_with_journeys(database: Database) -> None:
    for service in SERVICES:
        await database.migrate(service)
    connection = await asyncpg.connect(database.url)
    found = set(await tables_of_journeys(connection))
    await connection.close()
    growing = {f"{service}.{table}" for service, tables in GROWING.items() for table in tables - ENGINE}
    assert growing - found == {LEDGER}
    assert {"completion.spare", "enrollment.forfeit", "payment.hold", "payment.money_claim"} <= found
    assert not any(table.endswith((".parked", ".remembered", ".tally", ".page")) for table in found)
