"""Brings the database of a property back to its beginning."""

from typing import Any

from tests.builders import LATER
from tests.integration.payment.bench import Bench

TABLES = (
    "provider account enrollment disbursement attempt reminder tally appropriation funds purse book transfer halt "
    "parked waiting page operation consent contradiction approval confirmation"
)


async def empty(bench: Bench) -> None:
    """As it was at the start, for the next example."""
    guarded = ("disbursement", "attempt", "transfer", "operation", "contradiction", "confirmation")
    for table in guarded:
        await bench.connection.execute(f"alter table {table} disable trigger user")
    await bench.connection.execute(f"truncate {', '.join(TABLES.split())}")
    for table in guarded:
        await bench.connection.execute(f"alter table {table} enable trigger user")
    await bench.connection.execute("update sequence set next_sequence = 1, era_first = 1")
    fresh: dict[str, Any] = {"said": [], "instructions": [], "questions": [], "pages": [], "now": LATER}
    for name, value in fresh.items():
        setattr(bench, name, value)
