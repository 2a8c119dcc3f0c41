"""Settings at either of their bounds, on the last day that the clock can show."""

from datetime import datetime, timedelta

import pytest
from annotated_types import Ge, Le

from services.payment.settings import PaymentSettings
from shared.clock import LATEST
from tests.builders import LATER
from tests.infrastructure import Database
from tests.integration.payment.facts import FEE, INCENTIVE, journey
from tests.integration.payment.harness import PaymentHarness, create_harness

ENDS = {"least": Ge, "most": Le}


def at_the_end(end: str) -> dict[str, object]:
    """Return each number among the settings at a bound, and the name of the programme."""
    kind, attribute = ENDS[end], {"least": "ge", "most": "le"}[end]
    numbers = {
        name: getattr(part, attribute)
        for name, field in PaymentSettings.model_fields.items()
        for part in field.metadata
        if isinstance(part, kind)
    }
    return numbers | {"programme": "p" * {"least": 1, "most": 64}[end]}


async def a_story(harness: PaymentHarness) -> None:
    """Play a payment: instructed, accepted, asked about, rejected for now, tried again, settled."""
    longest = timedelta(days=365)
    await harness.prepare()
    await harness.receive(*journey())
    if harness.event_names("fee")[-1] == "held(needs_approval)":
        return
    await harness.report(harness.instructions_for("incentive")[0].reference, "accepted")
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "TM01")
    began, harness.now = harness.now, harness.now + longest
    await harness.sweep("release", "retry", "ask")
    assert set(harness.status_requests) == {harness.instructions_for("incentive")[0].reference}
    harness.now = began
    await harness.report(harness.instructions_for("fee")[1].reference, "settled")
    await harness.report(harness.instructions_for("incentive")[0].reference, "settled")
    assert await harness.balance("paid:fee") == FEE
    assert await harness.balance("paid:incentive") == INCENTIVE


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("now", [LATER, LATEST])
async def test_a_payment_takes_its_way(database: Database, end: str, now: datetime) -> None:
    harness = await create_harness(database, **at_the_end(end))
    harness.now = now
    await a_story(harness)
    assert await harness.parked() == []
    assert await harness.breaches() == []
    await harness.connection.close()
