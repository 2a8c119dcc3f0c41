"""Stories about a right that a person must look at. Each returns the breaches that the proofs find."""

from datetime import timedelta

from tests.builders import a_provider, funds
from tests.faults.planted.ground import Ground
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import CODE, FEE, in_one_lane, journey, linked


async def a_partner_pays_what_it_has_rejected(ground: Ground) -> list[str]:
    """And the participant links another account."""
    async with ground.payment() as bench:
        await _told(bench)
        reference = bench.told("incentive")[0].reference
        await bench.report(reference, "rejected", "AB05")
        await bench.report(reference, "settled")
        await bench.receive(linked(day=1, partner="dana"))
        await bench.sweep("retry")
        return await bench.breaches()


async def a_duplicate_is_reported_and_accounts_are_linked(ground: Ground) -> list[str]:
    """One that is not verified, and then one that is."""
    async with ground.payment() as bench:
        await _told(bench)
        await bench.report(bench.told("incentive")[0].reference, "rejected", "AM05")
        await bench.receive(linked(day=1, partner="dana", verified=False))
        await bench.receive(linked(day=2, partner="dana"))
        await bench.sweep("retry")
        return await bench.breaches()


async def an_account_changes_after_its_approval(ground: Ground) -> list[str]:
    """There was no money when it was approved, since another had it."""
    async with ground.payment() as bench:
        first, second = in_one_lane(2)
        await bench.prepare(training=FEE)
        await bench.receive(*journey(first, "PRAT00000001"))
        await bench.report(bench.told("fee")[0].reference, "rejected", "AM05")
        await bench.receive(*journey(second, "PRAT00000002"))
        await bench.approve("PRAT00000001", "fee")
        await bench.sweep()
        await bench.receive(a_provider(number="8800555", version=2), funds("48", "training", rupiah=FEE))
        await bench.sweep()
        return await bench.breaches()


async def one_person_approves(ground: Ground) -> list[str]:
    async with ground.payment() as bench:
        await _told(bench)
        await bench.report(bench.told("fee")[0].reference, "rejected", "FR01")
        await bench.approve(CODE, "fee", "Ani")
        await bench.sweep()
        alone = ["one person has let it go"] if len(bench.told("fee")) > 1 else []
        return [*alone, *await bench.breaches()]


async def a_partner_pays_what_it_has_rejected_and_that_lies_unread(ground: Ground) -> list[str]:
    """While the participant links another account."""
    async with ground.payment() as bench:
        await _told(bench)
        reference = bench.told("incentive")[0].reference
        await bench.report(reference, "rejected", "AC04")
        before = bench.now
        bench.now += timedelta(minutes=1)
        await bench.receive(linked(day=1, partner="dana"))
        await bench.sweep(read_through=before)
        for told in reversed(bench.told("incentive")):
            await bench.report(told.reference, "settled")
        return await bench.breaches()


async def _told(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(*journey())
