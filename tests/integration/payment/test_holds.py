"""What cannot go is held under a named reason, and goes when the cure comes."""

from datetime import timedelta

import pytest

from services.payment import timers
from services.payment.handlers.halting import halt, resume
from shared.messaging.operations import Refused
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.bench import Bench, a_bench
from tests.integration.payment.facts import (
    CODE,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    completed,
    confirmed,
    in_another_lane,
    in_one_lane,
    journey,
    linked,
    rated,
)


async def test_without_an_account_the_incentive_is_held_until_one_is_linked(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(confirmed(), completed(), rated())
    assert await bench.state("incentive_1") == "held(no_account)"
    await bench.receive(linked())
    assert bench.words("incentive_1") == ["scheduled", "held(no_account)", "instructed"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"same_identity": False}, "account_other_nik"), ({"verified": False}, "account_unverified")],
)
async def test_an_account_that_does_not_fit_holds_until_a_better_one_is_linked(
    bench: Bench, wrong: dict[str, bool], reason: str
) -> None:
    await bench.prepare()
    await bench.receive(linked(**wrong), confirmed(), completed(), rated())  # type: ignore[arg-type]
    assert await bench.state("incentive_1") == f"held({reason})"
    await bench.receive(linked(day=1, partner="dana"))
    assert [told.partner for told in bench.told("incentive")] == ["dana"]


async def test_an_older_link_that_comes_later_changes_nothing(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(linked(day=2, partner="dana"))
    await bench.receive(linked(day=1, partner="gopay"))
    await bench.receive(confirmed(), completed(), rated())
    assert [told.partner for told in bench.told("incentive")] == ["dana"]


async def test_a_fee_waits_for_the_providers_account(bench: Bench) -> None:
    await bench.receive(funds("48", "training"), funds("48", "incentive"), *journey())
    assert await bench.state("fee") == "held(no_provider_account)"
    assert await bench.sweep("release") == 0
    await bench.receive(a_provider())
    assert await bench.sweep("release") == 1
    assert bench.words("fee") == ["scheduled", "held(no_provider_account)", "instructed"]


async def test_money_that_comes_later_releases_the_oldest_first(bench: Bench) -> None:
    await bench.prepare(training=FEE)
    people = in_one_lane(4)
    for day, person in enumerate(people):
        bench.now = LATER + timedelta(days=day)
        await bench.receive(*journey(person, f"PRAT0000000{day}"))
    states = [await bench.state("fee", f"PRAT0000000{day}") for day in range(4)]
    assert states == ["instructed", "held(no_funds)", "held(no_funds)", "held(no_funds)"]

    await bench.receive(funds("48", "training", rupiah=2 * FEE))
    await bench.sweep()
    states = [await bench.state("fee", f"PRAT0000000{day}") for day in range(4)]
    assert states == ["instructed", "instructed", "instructed", "held(no_funds)"]


async def test_a_newcomer_does_not_overtake_who_waits_for_money(bench: Bench) -> None:
    await bench.prepare(training=FEE)
    first, second = in_one_lane(2)
    await bench.receive(*journey(first, "PRAT00000001", fee=2 * FEE))
    await bench.receive(*journey(second, "PRAT00000002", fee=FEE))
    assert await bench.state("fee", "PRAT00000002") == "held(no_funds)"


async def test_funds_of_another_wave_or_component_pay_nothing(bench: Bench) -> None:
    await bench.receive(a_provider(), funds("49", "training"), funds("48", "survey"), *journey())
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("held(no_funds)", "held(no_funds)")


async def test_money_that_lies_unused_in_one_lane_goes_to_a_lane_that_waits(bench: Bench) -> None:
    """The first lane takes a block for itself, more than is left for the other, and gives it back."""
    other = in_another_lane(PARTICIPANT)
    await bench.prepare(training=200_000_000, incentive=2 * INCENTIVE)
    await bench.receive(*journey())
    await bench.receive(*journey(other, "PRAT00000002", fee=150_000_000))
    assert await bench.state("fee", "PRAT00000002") == "held(no_funds)"
    await bench.sweep()
    await bench.sweep()
    assert await bench.state("fee", "PRAT00000002") == "instructed"
    assert await bench.balance("appropriation") + await bench.balance("reserved:training") == 50_000_000 - FEE


async def test_never_is_more_instructed_than_was_appropriated(bench: Bench) -> None:
    await bench.prepare(training=3 * FEE - 1)
    for n, person in enumerate([*in_one_lane(3), in_another_lane(PARTICIPANT)]):
        await bench.receive(*journey(person, f"PRAT0000000{n}"))
    for _ in range(3):
        await bench.sweep()
    assert len(bench.told("fee")) == 2


async def test_money_that_lasts_for_nobody_keeps_no_other_cure_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PORTION", 2)
    await bench.prepare(training=FEE - 1)
    *poor, lucky = in_one_lane(4)
    for n, person in enumerate(poor):
        await bench.receive(*journey(person, f"PRAT0000000{n}"))
    bench.now += timedelta(hours=1)
    await bench.receive(funds("49", "training"), confirmed(lucky, CODE, wave="49", provider="LP0002"))
    await bench.receive(completed(lucky, CODE))
    assert await bench.state("fee", CODE) == "held(no_provider_account)"
    await bench.receive(a_provider("LP0002"))
    await bench.sweep()
    assert await bench.state("fee", CODE) == "instructed"


async def test_a_fee_that_a_halt_holds_goes_when_its_provider_moves_to_another_partner(bench: Bench) -> None:
    await bench.prepare()
    await bench.operate(halt, "bni")
    await bench.receive(*journey())
    assert await bench.state("fee") == "held(halted)"
    await bench.receive(a_provider(version=2, account={"partner": "bca"}))
    await bench.sweep()
    assert [told.partner for told in bench.told("fee")] == ["bca"]


async def test_a_halt_holds_what_falls_due_and_resume_lets_it_go(bench: Bench) -> None:
    await bench.prepare()
    assert await bench.operate(halt, None)
    assert not await bench.operate(halt, None)
    await bench.receive(*journey())
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("held(halted)", "held(halted)")
    assert await bench.sweep() == 0

    assert await bench.operate(resume, None)
    with pytest.raises(Refused, match="all is not halted"):
        await bench.operate(resume, None)
    await bench.sweep()
    assert len(bench.instructions) == 2
    verbs = [row["verb"] for row in await bench.connection.fetch("select verb from operation order by number")]
    assert verbs == ["halt", "resume"]


async def test_a_halt_of_one_partner_leaves_the_others_going(bench: Bench) -> None:
    await bench.prepare()
    await bench.operate(halt, "gopay")
    await bench.receive(*journey())
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("instructed", "held(halted)")
    await bench.operate(halt, None)
    await bench.operate(resume, "gopay")
    assert await bench.sweep() == 0
    await bench.operate(resume, None)
    await bench.sweep()
    assert await bench.state("incentive_1") == "instructed"


async def test_reports_are_taken_in_while_a_partner_is_halted(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(*journey())
    await bench.operate(halt, None)
    await bench.report(bench.told("fee")[0].reference, "settled")
    assert await bench.state("fee") == "settled"


async def test_a_partner_that_does_not_exist_cannot_be_halted(bench: Bench) -> None:
    with pytest.raises(Refused, match="there is no partner goplay"):
        await bench.operate(halt, "goplay")


async def test_what_is_above_the_limit_waits_for_an_approval(database: Database) -> None:
    bench = await a_bench(database, approval_above_rupiah=INCENTIVE)
    await bench.prepare()
    await bench.receive(*journey())
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("held(needs_approval)", "instructed")
    assert await bench.sweep() == 0
    await bench.approve(CODE, "fee")
    await bench.sweep()
    with pytest.raises(Refused, match="does not wait for an operator"):
        await bench.approve(CODE, "fee")
    assert await bench.state("fee") == "instructed"
    assert await bench.breaches() == []
    await bench.connection.close()
