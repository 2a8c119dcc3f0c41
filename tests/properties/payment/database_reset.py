"""Reset of a property's database to its beginning."""

from typing import Any

from services.payment.store.ledger import LEDGER_CHAINS
from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import CHAIN
from tests.builders import LATER
from tests.integration.payment.harness import PaymentHarness

TABLES = (
    "provider account enrollment disbursement attempt reminder tally appropriation funds purse book transfer halt "
    "parked waiting woken page operation consent contradiction approval confirmation survey_answer monthly_due "
    "money_claim block remembered cut_off"
)


async def reset_database(harness: PaymentHarness) -> None:
    """Reset database and harness for the next example."""
    guarded = (
        "disbursement",
        "attempt",
        "transfer",
        "operation",
        "contradiction",
        "confirmation",
        "survey_answer",
        "money_claim",
        "cut_off",
    )
    for table in guarded:
        await harness.connection.execute(f"alter table {table} disable trigger user")
    await harness.connection.execute(f"truncate {', '.join(TABLES.split())}")
    for table in guarded:
        await harness.connection.execute(f"alter table {table} enable trigger user")
    heads = [harness.terms.chain.seal(name, 0, GENESIS) for name in LEDGER_CHAINS.names]
    await LEDGER_CHAINS.save(harness.connection, heads)
    sealed = harness.terms.chain.seal(CHAIN, 0, GENESIS)
    await harness.connection.execute("update operation_head set number = 0, hash = $1, seal = $2", GENESIS, sealed.seal)
    await harness.connection.execute(
        "update sequence set next_sequence = 1, era_first = 1; update lane set era = era + 1"
    )
    fresh: dict[str, Any] = {"announced": [], "instructions": [], "status_requests": [], "pages": [], "now": LATER}
    for name, value in fresh.items():
        setattr(harness, name, value)
