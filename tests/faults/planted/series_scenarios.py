"""Scenarios about incentives that fall due by the clock; each returns breaches."""

from datetime import UTC, datetime, timedelta

from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import completed, confirmed, linked, rated

RATED_AT = datetime(2023, 3, 5, 3, tzinfo=UTC)


async def a_month_of_31_days_passes(harness: PlantedHarness) -> list[str]:
    """Let the clock act on the thirtieth day, and on the thirty-first."""
    async with harness.payment() as payment:
        payment.now = RATED_AT + timedelta(minutes=1)
        await payment.prepare()
        await payment.receive(linked(), confirmed(months=3), completed(), rated(at=RATED_AT))
        for days in (30, 31):
            payment.now = RATED_AT + timedelta(days=days)
            await payment.sweep("fall_due")
        return await payment.breaches()
