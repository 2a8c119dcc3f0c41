"""Brings the database of a property back to its beginning."""

from typing import Any

from services.payment.store.books import BOOKS
from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import CHAIN
from tests.builders import LATER
from tests.integration.payment.bench import Bench

TABLES = (
    "provider account enrollment disbursement attempt reminder tally appropriation funds purse book transfer halt "
    "parked waiting woken page operation consent contradiction approval confirmation"
)


async def empty(bench: Bench) -> None:
    """As it was at the start, for the next example."""
    guarded = ("disbursement", "attempt", "transfer", "operation", "contradiction", "confirmation")
    for table in guarded:
        await bench.connection.execute(f"alter table {table} disable trigger user")
    await bench.connection.execute(f"truncate {', '.join(TABLES.split())}")
    for table in guarded:
        await bench.connection.execute(f"alter table {table} enable trigger user")
    begun = [bench.terms.chain.seal(name, 0, GENESIS) for name in BOOKS.names]
    await BOOKS.save(bench.connection, begun)
    sealed = bench.terms.chain.seal(CHAIN, 0, GENESIS)
    await bench.connection.execute("update operation_head set number = 0, hash = $1, seal = $2", GENESIS, sealed.seal)
    await bench.connection.execute("update sequence set next_sequence = 1, era_first = 1")
    fresh: dict[str, Any] = {"said": [], "instructions": [], "questions": [], "pages": [], "now": LATER}
    for name, value in fresh.items():
        setattr(bench, name, value)
