"""Halts: of all, of one partner, or of one wave, while intake goes on; nothing overtakes when they end."""

from typing import Any

import pytest

from services.payment.handlers.halts import halt, resume
from services.payment.ops import degraded, halts
from shared.contracts.topics import PARTNERS
from shared.errors import Refused
from tests.builders import a_provider, funds
from tests.integration.payment.facts import FEE, INCENTIVE, in_one_lane, journey
from tests.integration.payment.harness import PaymentHarness


async def test_a_halt_holds_what_falls_due_and_resume_lets_it_go(harness: PaymentHarness) -> None:
    await harness.prepare()
    assert await harness.operate(halt, "all")
    assert not await harness.operate(halt, "all")
    await harness.receive(*journey())
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("held(halted)", "held(halted)")
    assert await harness.sweep() == 0

    assert await harness.operate(resume, "all")
    with pytest.raises(Refused, match="all is not halted"):
        await harness.operate(resume, "all")
    await harness.sweep()
    assert len(harness.instructions) == 2
    verbs = [row["verb"] for row in await harness.connection.fetch("select verb from operation order by number")]
    assert verbs == ["halt", "resume"]


async def test_a_halt_of_one_partner_leaves_the_others_going(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.operate(halt, "gopay")
    await harness.receive(*journey())
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("instructed", "held(halted)")
    await harness.operate(halt, "all")
    await harness.operate(resume, "gopay")
    assert await harness.sweep() == 0
    await harness.operate(resume, "all")
    await harness.sweep()
    assert await harness.state("incentive_1") == "instructed"


async def test_a_halt_of_one_wave_leaves_the_others_going(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(funds("gopay", "incentive"), funds("gopay", "training"))
    await harness.operate(halt, "wave:gopay")
    people = in_one_lane(2)
    for person, code, wave in zip(people, ("PRAT00000001", "PRAT00000002"), ("48", "gopay"), strict=True):
        await harness.receive(*journey(person, code, wave=wave))
    states = [await harness.state("incentive_1", code) for code in ("PRAT00000001", "PRAT00000002")]
    assert states == ["instructed", "held(halted)"]
    assert await harness.state("fee", "PRAT00000002") == "held(halted)"
    assert await harness.sweep() == 0
    (shown,) = await halts(harness.connection)
    assert (shown["scope"], shown["participants"], shown["rupiah"]) == ("wave:gopay", 1, FEE + INCENTIVE)
    (sentence,) = await degraded(harness.connection)
    assert sentence.startswith("wave:gopay is halted since ")
    gauges = await harness.definition.gauges(harness.connection)
    halted = {gauge.labels["scope"]: gauge.value for gauge in gauges if gauge.name == "salur_halted"}
    assert halted == {"all": 0, "wave:gopay": 1} | dict.fromkeys(PARTNERS, 0)

    await harness.operate(halt, "gopay")
    await harness.operate(resume, "wave:gopay")
    await harness.sweep()
    assert await harness.state("incentive_1", "PRAT00000002") == "held(halted)"
    assert await harness.state("fee", "PRAT00000002") == "instructed"
    await harness.operate(resume, "gopay")
    await harness.sweep()
    assert await harness.state("incentive_1", "PRAT00000002") == "instructed"
    assert await harness.breaches() == []


async def test_a_provider_moves_to_another_partner_in_a_halted_wave(harness: PaymentHarness) -> None:
    """The new account is noted once, not with each sweep, and it is paid into when the wave goes on."""
    await harness.prepare()
    await harness.operate(halt, "bni")
    await harness.operate(halt, "wave:48")
    await harness.receive(*journey())
    await harness.receive(a_provider(version=2, account={"partner": "bca"}))
    await harness.sweep()
    assert await harness.sweep() == 0
    assert await harness.state("fee") == "held(halted)"
    await harness.operate(resume, "wave:48")
    await harness.sweep()
    assert [instructed.partner for instructed in harness.instructions_for("fee")] == ["bca"]


async def test_reports_are_taken_in_while_a_partner_is_halted(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey())
    await harness.operate(halt, "all")
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    assert await harness.state("fee") == "settled"


async def test_a_partner_that_does_not_exist_cannot_be_halted(harness: PaymentHarness) -> None:
    with pytest.raises(Refused, match="there is no partner goplay"):
        await harness.operate(halt, "goplay")


@pytest.mark.parametrize("action", [halt, resume])
async def test_a_wave_of_which_nothing_is_known_cannot_be_halted(harness: PaymentHarness, action: Any) -> None:
    """A misspelt wave would stop nothing."""
    with pytest.raises(Refused, match="there is no wave 84"):
        await harness.operate(action, "wave:84")
