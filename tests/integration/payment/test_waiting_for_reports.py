"""Retries wait until all reports sent before their cure are read; first attempts wait for none."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from services.payment import timers
from services.payment.handlers.halts import halt, resume
from tests.builders import a_provider, funds
from tests.integration.payment.facts import CODE, FEE, completed, confirmed, in_one_lane, journey, linked, rated
from tests.integration.payment.harness import PaymentHarness
from tests.integration.payment.test_reports import RETRY_AFTER

Way = Callable[[PaymentHarness], Awaitable[object]]
Case = tuple[str, str, Way, Way]


async def nothing(_: PaymentHarness) -> None:
    pass


async def a_newer_account_is_linked(harness: PaymentHarness) -> None:
    await harness.receive(linked(day=1, partner="dana"))


async def the_same_account_is_linked_after_an_approval(harness: PaymentHarness) -> None:
    """Link the known account again, which changes nothing and makes payment check all held disbursements."""
    await harness.approve(CODE, "incentive_1")
    await harness.receive(linked())


async def a_newer_provider_account_is_registered(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(number="8800555", version=2))


async def it_is_approved(harness: PaymentHarness) -> None:
    await harness.approve(CODE, "incentive_1")


async def it_was_approved_while_halted(harness: PaymentHarness) -> None:
    await harness.operate(halt, "all")
    await harness.approve(CODE, "incentive_1")
    await harness.sweep()
    assert await harness.state("incentive_1") == "held(halted)"


async def it_is_cured_while_halted(harness: PaymentHarness) -> None:
    await harness.operate(halt, "all")
    await harness.receive(linked(day=1, partner="dana"))
    assert await harness.state("incentive_1") == "held(halted)"


async def the_halt_ends(harness: PaymentHarness) -> None:
    await harness.operate(resume, "all")


async def its_time_is_over(harness: PaymentHarness) -> None:
    harness.now += RETRY_AFTER


async def it_is_cured_while_there_is_no_money(harness: PaymentHarness) -> None:
    (poor,) = in_one_lane(2)[1:]
    await harness.receive(*journey(poor, "PRAT00000009"))
    await harness.receive(a_provider(number="8800555", version=2))
    await harness.sweep()
    assert await harness.state("fee", CODE) == "held(no_funds)"


async def money_comes(harness: PaymentHarness) -> None:
    await harness.receive(funds("48", "training", rupiah=FEE))


CASES: dict[str, Case] = {
    "account": ("incentive_1", "AC04", nothing, a_newer_account_is_linked),
    "account after an unknown verdict": ("incentive_1", "MS03", nothing, a_newer_account_is_linked),
    "account that was there": ("incentive_1", "AC04", nothing, nothing),
    "provider": ("fee", "AC04", nothing, a_newer_provider_account_is_registered),
    "approval": ("incentive_1", "FR01", nothing, it_is_approved),
    "approval of what anybody may let go": ("incentive_1", "MS03", nothing, it_is_approved),
    "approval, and a link": ("incentive_1", "FR01", nothing, the_same_account_is_linked_after_an_approval),
    "resume": ("incentive_1", "AC04", it_is_cured_while_halted, the_halt_ends),
    "resume after an approval": ("incentive_1", "FR01", it_was_approved_while_halted, the_halt_ends),
    "resume of a partner that was stopped": ("incentive_1", "AM04", nothing, lambda b: b.operate(resume, "gopay")),
    "time": ("incentive_1", "AB05", nothing, its_time_is_over),
    "money": ("fee", "AC04", it_is_cured_while_there_is_no_money, money_comes),
}


@pytest.fixture(params=CASES)
async def cured(harness: PaymentHarness, request: pytest.FixtureRequest) -> tuple[PaymentHarness, str]:
    """Make a disbursement whose first attempt was rejected and whose cure has just come."""
    benefit, reason, before, cure = CASES[request.param]
    await harness.prepare(training=FEE)
    await harness.receive(*journey())
    if request.param == "account that was there":
        await harness.receive(linked(day=1, partner="dana"))
    await harness.report(first(harness, benefit), "rejected", reason)
    await before(harness)
    harness.now += timedelta(minutes=1)
    await cure(harness)
    return harness, benefit


def first(harness: PaymentHarness, benefit: str) -> str:
    return harness.instructions_for(benefit.removesuffix("_1"))[0].reference


async def attempts(harness: PaymentHarness, benefit: str) -> int:
    query = "select attempt from disbursement where (redeem_code, benefit) = ($1, $2)"
    return int(await harness.connection.fetchval(query, CODE, benefit))


async def test_no_cure_overtakes_a_report_that_lies_unread(cured: tuple[PaymentHarness, str]) -> None:
    harness, benefit = cured
    before = harness.now - timedelta(minutes=1, microseconds=1)
    for _ in range(2):
        await harness.sweep(read_through=before)
    assert await attempts(harness, benefit) == 1
    await harness.report(first(harness, benefit), "settled")
    await harness.sweep()
    assert (await harness.state(benefit, CODE), await attempts(harness, benefit)) == ("held(needs_approval)", 1)


async def test_cured_disbursement_is_paid_once_all_earlier_reports_are_read(cured: tuple[PaymentHarness, str]) -> None:
    harness, benefit = cured
    await harness.sweep(read_through=harness.now - timedelta(minutes=1))
    come = harness.now
    harness.now += timedelta(minutes=1)
    await harness.sweep(read_through=come)
    assert (await harness.state(benefit, CODE), await attempts(harness, benefit)) == ("instructed", 2)
    words = harness.event_names(benefit)
    assert all(one != following for one, following in pairwise(words) if one.startswith("held"))


async def test_another_obstacle_restarts_the_wait_at_the_next_cure(instructed: PaymentHarness) -> None:
    await instructed.report(first(instructed, "incentive_1"), "rejected", "AC04")
    await instructed.receive(linked(day=1, partner="dana"))
    cured_first = instructed.now
    instructed.now += timedelta(minutes=1)
    await instructed.receive(linked(day=2, partner="dana", verified=False))
    instructed.now += timedelta(minutes=1)
    await instructed.receive(linked(day=3, partner="ovo"))
    await instructed.sweep(read_through=cured_first)
    assert (await instructed.state("incentive_1"), await attempts(instructed, "incentive_1")) == (
        "held(account_unverified)",
        1,
    )
    await instructed.sweep()
    assert await attempts(instructed, "incentive_1") == 2


async def test_first_attempt_waits_for_no_report(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed(), rated())
    await harness.receive(linked())
    assert await attempts(harness, "incentive_1") == 1


async def test_disbursements_awaiting_reports_block_no_first_attempt(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt stands behind them in the queue for money, in portions of one."""
    monkeypatch.setattr(timers, "PORTION", 1)
    old, young = in_one_lane(2)
    await harness.prepare()
    await harness.receive(*journey(old, "PRAT00000001"))
    await harness.report(first(harness, "fee"), "rejected", "AC04")
    await harness.receive(a_provider(number="8800555", version=2))
    await harness.operate(halt, "all")
    await harness.sweep()
    await harness.receive(*journey(young, "PRAT00000002"))
    await harness.operate(resume, "all")
    await harness.sweep(read_through=harness.now - timedelta(minutes=1))
    assert await harness.state("fee", "PRAT00000001") == "held(halted)"
    assert await harness.state("fee", "PRAT00000002") == "instructed"


async def test_disbursement_awaiting_reports_keeps_its_turn_and_blocks_no_other(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PORTION", 1)
    people = in_one_lane(4)
    await harness.prepare(training=FEE)
    for number, person in enumerate(people[:2], start=1):
        await harness.receive(*journey(person, f"PRAT0000000{number}"))
        harness.now += timedelta(minutes=1)
        if number == 1:
            await harness.report(first(harness, "fee"), "rejected", "AC04")
    await harness.receive(a_provider(number="8800555", version=2))
    await harness.sweep()
    for number, person in enumerate(people[2:], start=3):
        await harness.receive(*journey(person, f"PRAT0000000{number}"))
        harness.now += timedelta(minutes=1)
    await harness.receive(funds("48", "training", rupiah=2 * FEE))
    await harness.sweep(read_through=harness.now - timedelta(minutes=1))
    states = [await harness.state("fee", f"PRAT0000000{number}") for number in range(1, 5)]
    assert states == ["held(no_funds)", "instructed", "instructed", "held(no_funds)"]
    await harness.sweep()
    assert await harness.state("fee", "PRAT00000001") == "instructed"
