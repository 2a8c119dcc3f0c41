"""Approvals and confirmations: two persons decide about a frozen disbursement."""

import asyncio
from typing import Any

import pytest

from services.payment import ops
from services.payment.handlers import accounts
from services.payment.handlers.approvals import approve
from services.payment.payout.pay import pay
from shared.errors import Refused
from shared.messaging.engine.operator import Operator
from shared.postgres.session import connect
from tests.builders import a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.facts import CODE, FEE, INCENTIVE, in_one_lane, journey, linked
from tests.integration.payment.harness import PaymentHarness
from tests.timeouts import until


async def test_an_approval_is_void_when_the_account_has_changed_since(harness: PaymentHarness) -> None:
    """Once approved it waits for money, and the provider gets another account meanwhile."""
    poor, rich = in_one_lane(2)
    await harness.prepare(training=FEE)
    await harness.receive(*journey(poor, "PRAT00000001"))
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AM05")
    await harness.receive(*journey(rich, "PRAT00000002"))
    await harness.approve("PRAT00000001", "fee")
    await harness.sweep()
    assert await harness.state("fee", "PRAT00000001") == "held(no_funds)"

    await harness.receive(a_provider(number="8800555", version=2), funds("48", "training", rupiah=FEE))
    await harness.sweep()
    assert await harness.state("fee", "PRAT00000001") == "held(needs_approval)"
    await harness.sweep()
    await harness.approve("PRAT00000001", "fee")
    await harness.sweep()
    assert await harness.state("fee", "PRAT00000001") == "instructed"


@pytest.mark.parametrize("people", [("Ani",), ("Ani", "ani ")])
async def test_one_person_alone_approves_nothing_frozen(instructed: PaymentHarness, people: tuple[str, ...]) -> None:
    await instructed.report(instructed.instructions_for("fee")[0].reference, "rejected", "FR01")
    await instructed.approve(CODE, "fee", people[0])
    for again in people[1:]:
        with pytest.raises(Refused, match="two different persons"):
            await instructed.approve(CODE, "fee", again)
    await instructed.sweep()
    assert await instructed.state("fee") == "held(needs_approval)"


async def test_first_approval_is_void_when_the_account_changes(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "FR01")
    await instructed.approve(CODE, "incentive_1", "Ani")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.approve(CODE, "incentive_1", "Budi")
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    await instructed.approve(CODE, "incentive_1", "Ani")
    await instructed.sweep()
    assert [i.partner for i in instructed.instructions_for("incentive")] == ["gopay", "dana"]


async def test_nothing_is_approved_that_has_no_account_to_go_to(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "MS03")
    await instructed.connection.execute("update account set verified = false")
    with pytest.raises(Refused, match="account_unverified"):
        await instructed.approve(CODE, "incentive_1")
    await instructed.connection.execute("update account set verified = true")


async def test_approval_waits_for_a_batch_that_has_loaded_and_not_yet_saved(
    instructed: PaymentHarness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The approval covers what the batch leaves, and the batch overwrites no approval."""
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "FR01")
    loaded, waits = asyncio.Event(), "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    desk, watch = [await connect(database.url_of("payment"), name) for name in ("desk", "watch")]

    async def pay_slowly(*arguments: Any) -> int:
        loaded.set()
        await until(lambda: watch.fetchval(f"{waits} and application_name = 'desk'"), "the approval waits")
        return await pay(*arguments)

    monkeypatch.setattr(accounts, "pay", pay_slowly)
    coming = asyncio.create_task(instructed.receive(linked(day=1, partner="dana")))
    await loaded.wait()
    for who in ("Ani", "Budi"):
        async with desk.transaction():
            await approve(
                desk, Operator(who, "a call", instructed.now, instructed.terms.chain), None, CODE, "incentive_1"
            )
    await coming
    await desk.close()
    await watch.close()
    await instructed.sweep()
    assert [i.partner for i in instructed.instructions_for("incentive")] == ["gopay", "dana"]


@pytest.mark.parametrize("benefit", ["fee", "incentive_1", "survey_1"])
async def test_an_approval_that_matches_nothing_is_refused(instructed: PaymentHarness, benefit: str) -> None:
    with pytest.raises(Refused, match="does not wait for an approval"):
        await instructed.approve(CODE, benefit)


async def test_confirmed_payment_is_posted_as_instructed_and_settled(instructed: PaymentHarness) -> None:
    fee = instructed.instructions_for("fee")[0].reference
    await instructed.report(fee, "rejected", "AM05")
    await instructed.confirm(fee, "Ani")
    assert await instructed.state("fee") == "held(needs_approval)"
    await instructed.confirm(fee, "Budi")
    assert (
        await instructed.state("fee"),
        await instructed.balance("paid:fee"),
        await instructed.balance("clearing:bni"),
    ) == (
        "settled",
        FEE,
        0,
    )
    assert instructed.event_names("fee")[-2:] == ["held(needs_approval)", "settled"]
    with pytest.raises(Refused, match="not an attempt of a frozen disbursement"):
        await instructed.confirm(fee)
    for word in (("settled", None), ("rejected", "AM05")):
        await instructed.report(fee, *word)
    assert (await instructed.parked(), await instructed.state("fee")) == ([], "settled")


async def test_confirmed_payment_shows_the_partners_late_report(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AB05")
    await instructed.report(reference, "settled")
    await instructed.confirm(reference)
    assert await instructed.connection.fetchval(
        "select d.settled_at = c.reported_at and d.partner_reference = c.partner_reference"
        " from disbursement d join contradiction c using (redeem_code, benefit)"
    )
    await instructed.report(reference, "settled")
    assert await instructed.parked() == ["contradicts_final"]


@pytest.mark.parametrize("answer", [("settled", None), ("rejected", "AC04"), None])
async def test_only_a_frozen_disbursement_is_confirmed(
    instructed: PaymentHarness, answer: tuple[str, str | None] | None
) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    if answer:
        await instructed.report(reference, *answer)
    with pytest.raises(Refused, match="not an attempt of a frozen disbursement"):
        await instructed.confirm(reference)
    with pytest.raises(Refused, match="never instructed"):
        await instructed.confirm("3Q2M9K4T1B8XW3ZA")


async def test_wave_without_money_is_overdrawn_by_name_until_funded(harness: PaymentHarness) -> None:
    """The rejection returned the money, and another disbursement took it."""
    first, second = in_one_lane(2)
    await harness.prepare(incentive=INCENTIVE)
    await harness.receive(*journey(first, "PRAT00000001"))
    reference = harness.instructions_for("incentive")[0].reference
    await harness.report(reference, "rejected", "AM05")
    await harness.receive(*journey(second, "PRAT00000002"))
    assert len(harness.instructions_for("incentive")) == 2
    await harness.confirm(reference)
    assert await harness.state("incentive_1", "PRAT00000001") == "settled"
    overdraft = f"wave 48, incentive: {INCENTIVE} rupiah went out and were not appropriated"
    assert [breach.startswith(overdraft) for breach in await harness.breaches()] == [True]
    shown = next(row for row in await ops.funds(harness.connection) if row["component"] == "incentive")
    assert (shown["spent"], shown["free"], shown["overdrawn"]) == (2 * INCENTIVE, 0, INCENTIVE)

    await harness.receive(*journey("4810000000000094", "PRAT00000003"))
    await harness.sweep()
    assert await harness.state("incentive_1", "PRAT00000003") == "held(no_funds)"
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE - 1))
    await harness.sweep()
    (rest,) = await harness.breaches()
    assert rest.startswith("wave 48, incentive: 1 rupiah went out and were not appropriated")
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE + 1))
    await harness.sweep()
    assert await harness.state("incentive_1", "PRAT00000003") == "instructed"
