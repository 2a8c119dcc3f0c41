"""Another attempt waits until all is read that partners had said when its cure came; a first one waits for nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from services.payment import timers
from services.payment.handlers.halting import halt, resume
from tests.builders import a_provider, funds
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import CODE, FEE, completed, confirmed, in_one_lane, journey, linked, rated
from tests.integration.payment.test_reports import RETRY_AFTER

Way = Callable[[Bench], Awaitable[object]]
Case = tuple[str, str, Way, Way]


async def nothing(_: Bench) -> None:
    pass


async def a_newer_account_is_linked(bench: Bench) -> None:
    await bench.receive(linked(day=1, partner="dana"))


async def the_same_account_is_linked_after_an_approval(bench: Bench) -> None:
    """Which changes nothing, and makes payment look at all that is held."""
    await bench.approve(CODE, "incentive_1")
    await bench.receive(linked())


async def a_newer_provider_account_is_registered(bench: Bench) -> None:
    await bench.receive(a_provider(number="8800555", version=2))


async def it_is_approved(bench: Bench) -> None:
    await bench.approve(CODE, "incentive_1")


async def it_was_approved_while_halted(bench: Bench) -> None:
    await bench.operate(halt, None)
    await bench.approve(CODE, "incentive_1")
    await bench.sweep()
    assert await bench.state("incentive_1") == "held(halted)"


async def it_is_cured_while_halted(bench: Bench) -> None:
    await bench.operate(halt, None)
    await bench.receive(linked(day=1, partner="dana"))
    assert await bench.state("incentive_1") == "held(halted)"


async def the_halt_ends(bench: Bench) -> None:
    await bench.operate(resume, None)


async def its_time_is_over(bench: Bench) -> None:
    bench.now += RETRY_AFTER


async def it_is_cured_while_there_is_no_money(bench: Bench) -> None:
    (poor,) = in_one_lane(2)[1:]
    await bench.receive(*journey(poor, "PRAT00000009"))
    await bench.receive(a_provider(number="8800555", version=2))
    await bench.sweep()
    assert await bench.state("fee", CODE) == "held(no_funds)"


async def money_comes(bench: Bench) -> None:
    await bench.receive(funds("48", "training", rupiah=FEE))


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
async def cured(bench: Bench, request: pytest.FixtureRequest) -> tuple[Bench, str]:
    """A right of which a partner has rejected the first attempt, and whose cure has just come."""
    benefit, reason, before, cure = CASES[request.param]
    await bench.prepare(training=FEE)
    await bench.receive(*journey())
    if request.param == "account that was there":
        await bench.receive(linked(day=1, partner="dana"))
    await bench.report(first(bench, benefit), "rejected", reason)
    await before(bench)
    bench.now += timedelta(minutes=1)
    await cure(bench)
    return bench, benefit


def first(bench: Bench, benefit: str) -> str:
    return bench.told(benefit.removesuffix("_1"))[0].reference


async def attempts(bench: Bench, benefit: str) -> int:
    query = "select attempt from disbursement where (redeem_code, benefit) = ($1, $2)"
    return int(await bench.connection.fetchval(query, CODE, benefit))


async def test_no_cure_overtakes_a_report_that_lies_unread(cured: tuple[Bench, str]) -> None:
    bench, benefit = cured
    before = bench.now - timedelta(minutes=1, microseconds=1)
    for _ in range(2):
        await bench.sweep(read_through=before)
    assert await attempts(bench, benefit) == 1
    await bench.report(first(bench, benefit), "settled")
    await bench.sweep()
    assert (await bench.state(benefit, CODE), await attempts(bench, benefit)) == ("held(needs_approval)", 1)


async def test_cured_right_goes_once_all_reports_of_before_are_read(cured: tuple[Bench, str]) -> None:
    bench, benefit = cured
    await bench.sweep(read_through=bench.now - timedelta(minutes=1))
    come = bench.now
    bench.now += timedelta(minutes=1)
    await bench.sweep(read_through=come)
    assert (await bench.state(benefit, CODE), await attempts(bench, benefit)) == ("instructed", 2)
    words = bench.words(benefit)
    assert all(one != following for one, following in pairwise(words) if one.startswith("held"))


async def test_what_comes_between_makes_a_right_wait_from_the_next_cure_on(told: Bench) -> None:
    await told.report(first(told, "incentive_1"), "rejected", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    cured_first = told.now
    told.now += timedelta(minutes=1)
    await told.receive(linked(day=2, partner="dana", verified=False))
    told.now += timedelta(minutes=1)
    await told.receive(linked(day=3, partner="ovo"))
    await told.sweep(read_through=cured_first)
    assert (await told.state("incentive_1"), await attempts(told, "incentive_1")) == ("held(account_unverified)", 1)
    await told.sweep()
    assert await attempts(told, "incentive_1") == 2


async def test_first_attempt_waits_for_no_report(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(confirmed(), completed(), rated())
    await bench.receive(linked())
    assert await attempts(bench, "incentive_1") == 1


async def test_those_who_wait_for_reports_keep_nobody_from_a_first_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither who is cured like them nor who stands behind them in the queue for money, in portions of one."""
    monkeypatch.setattr(timers, "PORTION", 1)
    old, young = in_one_lane(2)
    await bench.prepare()
    await bench.receive(*journey(old, "PRAT00000001"))
    await bench.report(first(bench, "fee"), "rejected", "AC04")
    await bench.receive(a_provider(number="8800555", version=2))
    await bench.operate(halt, None)
    await bench.sweep()
    await bench.receive(*journey(young, "PRAT00000002"))
    await bench.operate(resume, None)
    await bench.sweep(read_through=bench.now - timedelta(minutes=1))
    assert await bench.state("fee", "PRAT00000001") == "held(halted)"
    assert await bench.state("fee", "PRAT00000002") == "instructed"


async def test_who_waits_for_reports_keeps_its_turn_for_money_and_others_are_served_behind_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PORTION", 1)
    people = in_one_lane(4)
    await bench.prepare(training=FEE)
    for number, person in enumerate(people[:2], start=1):
        await bench.receive(*journey(person, f"PRAT0000000{number}"))
        bench.now += timedelta(minutes=1)
        if number == 1:
            await bench.report(first(bench, "fee"), "rejected", "AC04")
    await bench.receive(a_provider(number="8800555", version=2))
    await bench.sweep()
    for number, person in enumerate(people[2:], start=3):
        await bench.receive(*journey(person, f"PRAT0000000{number}"))
        bench.now += timedelta(minutes=1)
    await bench.receive(funds("48", "training", rupiah=2 * FEE))
    await bench.sweep(read_through=bench.now - timedelta(minutes=1))
    states = [await bench.state("fee", f"PRAT0000000{number}") for number in range(1, 5)]
    assert states == ["held(no_funds)", "instructed", "instructed", "held(no_funds)"]
    await bench.sweep()
    assert await bench.state("fee", "PRAT00000001") == "instructed"
