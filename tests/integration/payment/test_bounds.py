"""Settings at either of their bounds work, on the last day that the clock can show."""

from datetime import datetime, timedelta

import pytest
from annotated_types import Ge, Le

from services.payment.settings import PaymentSettings
from shared.clock import LATEST
from tests.builders import LATER
from tests.infrastructure import Database
from tests.integration.payment.bench import Bench, a_bench
from tests.integration.payment.facts import FEE, INCENTIVE, journey

ENDS = {"least": Ge, "most": Le}


def at_the_end(end: str) -> dict[str, object]:
    """Every number that payment can be told, and the name of the programme."""
    kind, attribute = ENDS[end], {"least": "ge", "most": "le"}[end]
    numbers = {
        name: getattr(part, attribute)
        for name, field in PaymentSettings.model_fields.items()
        for part in field.metadata
        if isinstance(part, kind)
    }
    return numbers | {"programme": "p" * {"least": 1, "most": 64}[end]}


async def a_story(bench: Bench) -> None:
    """Instructed, accepted, asked about, rejected for now, tried again, settled."""
    longest = timedelta(days=365)
    await bench.prepare()
    await bench.receive(*journey())
    if bench.words("fee")[-1] == "held(needs_approval)":
        return
    await bench.report(bench.told("incentive")[0].reference, "accepted")
    await bench.report(bench.told("fee")[0].reference, "rejected", "TM01")
    began, bench.now = bench.now, bench.now + longest
    await bench.sweep("release", "retry", "ask")
    assert set(bench.questions) == {bench.told("incentive")[0].reference}
    bench.now = began
    await bench.report(bench.told("fee")[1].reference, "settled")
    await bench.report(bench.told("incentive")[0].reference, "settled")
    assert await bench.balance("paid:fee") == FEE
    assert await bench.balance("paid:incentive") == INCENTIVE


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("now", [LATER, LATEST])
async def test_a_payment_takes_its_way(database: Database, end: str, now: datetime) -> None:
    bench = await a_bench(database, **at_the_end(end))
    bench.now = now
    await a_story(bench)
    assert await bench.parked() == []
    assert await bench.breaches() == []
    await bench.connection.close()
