"""Restores in which the void of a training is read again before its completion."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.builders import LATER
from tests.infrastructure import PostgresServer
from tests.integration.payment.facts import CODE, completed, confirmed, linked, rated, voided
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

CUT_OFF = LATER + timedelta(days=2)
OTHER = "PRAT000000BB"
BOTH = [confirmed(cut_off_at=CUT_OFF), confirmed(code=OTHER, cut_off_at=CUT_OFF)]
MILESTONES = [completed(), rated(), completed(code=OTHER), rated(code=OTHER)]


@pytest.fixture
async def again(harness: PaymentHarness, postgres: PostgresServer) -> AsyncIterator[Restored]:
    empty = await postgres.lend("payment")
    await harness.prepare()
    after = await create_harness(empty)
    yield Restored(harness, after)
    assert await after.breaches() == []
    await after.connection.close()
    await postgres.take_back(empty)


@pytest.mark.parametrize("at_once", [True, False])
async def test_void_of_what_was_forfeited_gives_it_to_no_other_training(again: Restored, at_once: bool) -> None:
    before, after = again.before, again.after
    await before.receive(*BOTH, *MILESTONES[:2])
    before.now = CUT_OFF
    await before.sweep()
    assert await before.state("incentive_1") == "forfeited"
    await before.receive(voided(), linked(), *MILESTONES[2:])
    assert await before.state("incentive_1", OTHER) == ""

    after.now = CUT_OFF + timedelta(hours=1)
    await again.adopt()
    await after.prepare()
    await after.receive(linked(), *BOTH, voided())
    for batch in [MILESTONES] if at_once else [[event] for event in MILESTONES]:
        await after.receive(*batch)
    assert (await after.state("incentive_1", CODE), await after.state("incentive_1", OTHER)) == ("forfeited", "")


@pytest.mark.parametrize("at_once", [True, False])
async def test_void_of_what_was_instructed_gives_it_to_no_other_training(again: Restored, at_once: bool) -> None:
    before, after = again.before, again.after
    await before.receive(linked(), *BOTH, *MILESTONES[:2])
    await before.receive(voided(), *MILESTONES[2:])
    assert await before.state("incentive_1", OTHER) == ""

    await again.adopt()
    await after.prepare()
    await after.receive(linked(), *BOTH, voided())
    for batch in [MILESTONES] if at_once else [[event] for event in MILESTONES]:
        await after.receive(*batch)
    assert (await after.state("incentive_1", CODE), await after.state("incentive_1", OTHER)) == ("instructed", "")
