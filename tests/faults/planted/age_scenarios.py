"""Scenarios in which money is short; each returns breaches, and payments made out of order."""

from datetime import timedelta

from tests.builders import LATER, a_provider, funds
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import INCENTIVE, code_of, fee_due, journey, linked, of_lane
from tests.integration.payment.harness import PaymentHarness

MILLION = 1_000_000
HERE, THERE = 2, 5


async def the_oldest_waits_in_another_lane(harness: PlantedHarness) -> list[str]:
    """Sweep only the lane of a younger payment, for which the money suffices."""
    async with harness.payment() as payment:
        await payment.receive(a_provider())
        await _due(payment, 0, THERE, 2 * MILLION)
        await _due(payment, 1, HERE, MILLION)
        await payment.receive(funds("48", "training", rupiah=MILLION))
        await payment.sweep(lanes=[HERE])
        return [*await _passed_by(payment), *await payment.breaches()]


async def the_lane_of_a_younger_payment_holds_the_allotment(harness: PlantedHarness) -> list[str]:
    """Let the older payment need all the money."""
    async with harness.payment() as payment:
        await payment.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(payment, 0, HERE, MILLION)
        await _due(payment, 1, THERE, 99 * MILLION)
        await _due(payment, 2, HERE, MILLION)
        return [*await _passed_by(payment), *await payment.breaches()]


async def a_lane_stands_still_with_the_money_in_its_allotment(harness: PlantedHarness) -> list[str]:
    """Let a fee of another lane need the money."""
    async with harness.payment() as payment:
        await payment.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(payment, 0, HERE, MILLION)
        await _due(payment, 1, THERE, MILLION)
        await payment.sweep(lanes=[THERE])
        waits = await payment.state("fee", code_of(1)) != "instructed"
        return [*(["1 waits although there is money"] if waits else []), *await payment.breaches()]


async def the_oldest_payment_is_ineligible_and_too_large(harness: PlantedHarness) -> list[str]:
    """Withdraw the verification of its account, with money enough for the younger payment."""
    async with harness.payment() as payment:
        await payment.receive(*journey(of_lane(HERE), code_of(0), fee=1, incentive=2 * MILLION))
        payment.now = LATER + timedelta(minutes=1)
        await payment.receive(*journey(of_lane(THERE), code_of(1), fee=1, incentive=MILLION))
        await payment.receive(linked(of_lane(HERE), day=1, verified=False), funds("48", "incentive", rupiah=MILLION))
        for lanes in ([HERE], [THERE]):
            await payment.sweep(lanes=lanes)
        waits = await payment.state("incentive_1", code_of(1)) != "instructed"
        return [*(["1 waits behind an ineligible payment"] if waits else []), *await payment.breaches()]


async def a_rejection_releases_promised_money(harness: PlantedHarness) -> list[str]:
    """Reject the payment that took the money of one instructed before the restore."""
    async with harness.payment() as before, harness.payment() as after:
        instructed, other, neighbour = of_lane(HERE), of_lane(THERE, 1), of_lane(THERE, 2)
        await before.prepare()
        await before.receive(*journey(instructed, code_of(0)))
        await after.prepare(incentive=INCENTIVE)
        await after.receive(*journey(other, code_of(1)))
        await after.adopt(before.pages)
        await after.report(after.instructions_for("incentive")[0].reference, "rejected", "AC04")
        await after.receive(*journey(neighbour, code_of(2)))
        await after.sweep()
        await after.receive(*journey(instructed, code_of(0)))
        return await after.breaches()


async def _due(payment: PaymentHarness, age: int, lane: int, amount: int) -> None:
    payment.now = LATER + timedelta(minutes=age)
    await payment.receive(*fee_due(lane, age, amount))


async def _passed_by(payment: PaymentHarness) -> list[str]:
    """Report payments that were instructed while an older one is held for lack of funds."""
    rows = await payment.connection.fetch(
        "select old.redeem_code as old, young.redeem_code as young from disbursement old join disbursement young"
        " on young.due_at > old.due_at and young.state = 'instructed' where old.reason = 'no_funds'"
    )
    return [f"{row['young']} was paid before {row['old']}" for row in rows]
