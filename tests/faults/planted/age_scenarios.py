"""Stories about money that is short. Each returns the breaches that the proofs find, and whoever was passed by."""

from datetime import timedelta

from tests.builders import LATER, a_provider, funds
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import INCENTIVE, code_of, fee_due, journey, linked, of_lane
from tests.integration.payment.harness import PaymentHarness

MILLION = 1_000_000
HERE, THERE = 2, 5


async def the_oldest_waits_in_another_lane(harness: PlantedHarness) -> list[str]:
    """There is enough for the younger one, and none sweeps but its own lane."""
    async with harness.payment() as payment:
        await payment.receive(a_provider())
        await _due(payment, 0, THERE, 2 * MILLION)
        await _due(payment, 1, HERE, MILLION)
        await payment.receive(funds("48", "training", rupiah=MILLION))
        await payment.sweep(lanes=[HERE])
        return [*await _passed_by(payment), *await payment.breaches()]


async def a_younger_ones_lane_has_the_money_in_its_allotment(harness: PlantedHarness) -> list[str]:
    """The older one would need all of it."""
    async with harness.payment() as payment:
        await payment.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(payment, 0, HERE, MILLION)
        await _due(payment, 1, THERE, 99 * MILLION)
        await _due(payment, 2, HERE, MILLION)
        return [*await _passed_by(payment), *await payment.breaches()]


async def a_lane_stands_still_with_the_money_in_its_allotment(harness: PlantedHarness) -> list[str]:
    """Another lane's fee waits for it."""
    async with harness.payment() as payment:
        await payment.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(payment, 0, HERE, MILLION)
        await _due(payment, 1, THERE, MILLION)
        await payment.sweep(lanes=[THERE])
        waits = await payment.state("fee", code_of(1)) != "instructed"
        return [*(["1 waits, and there is money"] if waits else []), *await payment.breaches()]


async def the_oldest_could_not_be_paid_and_the_money_does_not_last_for_it(harness: PlantedHarness) -> list[str]:
    """Its account is not verified any more, and there is enough for the younger one."""
    async with harness.payment() as payment:
        await payment.receive(*journey(of_lane(HERE), code_of(0), fee=1, incentive=2 * MILLION))
        payment.now = LATER + timedelta(minutes=1)
        await payment.receive(*journey(of_lane(THERE), code_of(1), fee=1, incentive=MILLION))
        await payment.receive(linked(of_lane(HERE), day=1, verified=False), funds("48", "incentive", rupiah=MILLION))
        for lanes in ([HERE], [THERE]):
            await payment.sweep(lanes=lanes)
        waits = await payment.state("incentive_1", code_of(1)) != "instructed"
        return [*(["1 waits behind one that cannot go"] if waits else []), *await payment.breaches()]


async def a_rejection_brings_back_what_is_promised(harness: PlantedHarness) -> list[str]:
    """Who was told before a restore has no money left, since another took it; now it lies in that one's purse."""
    async with harness.payment() as before, harness.payment() as after:
        told, thief, neighbour = of_lane(HERE), of_lane(THERE, 1), of_lane(THERE, 2)
        await before.prepare()
        await before.receive(*journey(told, code_of(0)))
        await after.prepare(incentive=INCENTIVE)
        await after.receive(*journey(thief, code_of(1)))
        await after.adopt(before.pages)
        await after.report(after.instructions_for("incentive")[0].reference, "rejected", "AC04")
        await after.receive(*journey(neighbour, code_of(2)))
        await after.sweep()
        await after.receive(*journey(told, code_of(0)))
        return await after.breaches()


async def _due(payment: PaymentHarness, age: int, lane: int, amount: int) -> None:
    payment.now = LATER + timedelta(minutes=age)
    await payment.receive(*fee_due(lane, age, amount))


async def _passed_by(payment: PaymentHarness) -> list[str]:
    """Who was told to be paid while an older one waits that the money now left would not pay."""
    rows = await payment.connection.fetch(
        "select old.redeem_code as old, young.redeem_code as young from disbursement old join disbursement young"
        " on young.due_at > old.due_at and young.state = 'instructed' where old.reason = 'no_funds'"
    )
    return [f"{row['young']} was paid before {row['old']}" for row in rows]
