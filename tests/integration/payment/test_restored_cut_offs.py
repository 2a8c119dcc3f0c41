"""Restore after a cut-off: what was announced as forfeited is never paid, whatever is read again first."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.builders import LATER
from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import FEE, INCENTIVE, completed, confirmed, linked, rated
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

CUT_OFF = LATER + timedelta(days=2)


@pytest.fixture
async def forfeited(harness: PaymentHarness, postgres: PostgresServer) -> AsyncIterator[Restored]:
    """Forfeit an incentive that was never instructed, and a fee that was rejected after the cut-off."""
    empty: Database = await postgres.lend("payment")
    await harness.prepare()
    await harness.receive(confirmed(cut_off_at=CUT_OFF), completed(), rated())
    harness.now = CUT_OFF
    await harness.sweep()
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AC04")
    after = await create_harness(empty)
    after.now = CUT_OFF
    yield Restored(harness, after)
    assert await after.breaches() == []
    await after.connection.close()
    await postgres.take_back(empty)


async def test_announced_forfeit_is_not_paid_though_it_could_be(forfeited: Restored) -> None:
    await forfeited.adopt()
    after = forfeited.after
    await after.prepare()
    await after.receive(linked(), confirmed(cut_off_at=CUT_OFF))
    await after.receive(completed(), rated())
    assert after.event_names("incentive_1") == ["scheduled", "forfeited"]
    assert after.instructions == forfeited.before.instructions
    await after.report(after.instructions[0].reference, "rejected", "AC04")
    assert await after.state("fee") == "forfeited"
    assert await after.connection.fetchval("select count(*) from remembered") == 0


async def test_money_returns_again_after_the_cut_off_is_heard_of_again(forfeited: Restored) -> None:
    await forfeited.adopt()
    after = forfeited.after
    await after.prepare(training=FEE, incentive=INCENTIVE)
    await after.receive(linked(), confirmed(cut_off_at=CUT_OFF), completed(), rated())
    await after.report(after.instructions[0].reference, "rejected", "AC04")
    await after.sweep()
    assert await after.balance("returned") == 0
    after.now += timedelta(days=1)
    await after.sweep()
    await after.sweep("return_to_treasury")
    assert await after.balance("returned") == FEE + INCENTIVE


async def test_what_was_not_announced_is_paid_while_the_cut_off_is_open(forfeited: Restored) -> None:
    after = forfeited.after
    await after.adopt([page for page in forfeited.before.pages if page.topic != "payment.events"])
    await after.prepare()
    await after.receive(linked(), confirmed(cut_off_at=CUT_OFF), completed(), rated())
    assert await after.state("incentive_1") == "instructed"


async def test_final_rejection_forfeits_again_before_the_cut_off_passes(
    harness: PaymentHarness, postgres: PostgresServer
) -> None:
    empty = await postgres.lend("payment")
    await harness.prepare()
    await harness.receive(confirmed(cut_off_at=CUT_OFF), completed())
    harness.now = CUT_OFF + timedelta(days=1)
    await harness.sweep("cut_off")
    fee = harness.instructions_for("fee")[0].reference
    await harness.report(fee, "rejected", "LEGL")
    assert await harness.state("fee") == "forfeited"
    after = await create_harness(empty)
    after.now = harness.now
    await after.adopt(harness.pages)
    await after.prepare()
    await after.receive(confirmed(cut_off_at=CUT_OFF), completed())
    await after.report(fee, "rejected", "LEGL")
    assert await after.state("fee") == "forfeited"
    assert await after.connection.fetchval("select count(*) from remembered") == 0
    assert await after.breaches() == []
    await after.connection.close()
    await postgres.take_back(empty)
