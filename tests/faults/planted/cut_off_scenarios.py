"""Scenarios about cut-offs of waves; each returns breaches."""

from datetime import timedelta

from tests.builders import LATER
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import completed, confirmed, in_another_lane, journey, linked, rated

CUT_OFF = LATER + timedelta(days=2)
PERSON = in_another_lane(in_another_lane("4810000000000017"))


async def a_training_is_completed_after_the_cut_off(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(linked(), confirmed(cut_off_at=CUT_OFF))
        payment.now = CUT_OFF
        await payment.sweep()
        await payment.receive(completed(), rated())
        return await payment.breaches()


async def an_account_comes_shortly_before_the_cut_off(harness: PlantedHarness) -> list[str]:
    """Hold an incentive for want of an account, and sweep before the cut-off and at it."""
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey(cut_off_at=CUT_OFF)[1:])
        for payment.now in (CUT_OFF - timedelta(minutes=1), CUT_OFF):
            await payment.sweep("cut_off")
        return await payment.breaches()


async def an_hour_passes_after_the_cut_off(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey(cut_off_at=CUT_OFF))
        for hours in (0, 2):
            payment.now = CUT_OFF + timedelta(hours=hours)
            await payment.sweep()
        await payment.receive(*journey(PERSON, "PRAT000000BB", wave="49"))
        return await payment.breaches()
