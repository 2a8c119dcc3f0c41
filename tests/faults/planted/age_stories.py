"""Stories about money that is short. Each returns the breaches that the proofs find, and whoever was passed by."""

from datetime import timedelta

from tests.builders import LATER, a_provider, funds
from tests.faults.planted.ground import Ground
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import INCENTIVE, code_of, fee_due, journey, linked, of_lane

MILLION = 1_000_000
HERE, THERE = 2, 5


async def the_oldest_waits_in_another_lane(ground: Ground) -> list[str]:
    """There is enough for the younger one, and none sweeps but its own lane."""
    async with ground.payment() as bench:
        await bench.receive(a_provider())
        await _due(bench, 0, THERE, 2 * MILLION)
        await _due(bench, 1, HERE, MILLION)
        await bench.receive(funds("48", "training", rupiah=MILLION))
        await bench.sweep(lanes=[HERE])
        return [*await _passed_by(bench), *await bench.breaches()]


async def a_younger_ones_lane_has_the_money_in_its_purse(ground: Ground) -> list[str]:
    """The older one would need all of it."""
    async with ground.payment() as bench:
        await bench.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(bench, 0, HERE, MILLION)
        await _due(bench, 1, THERE, 99 * MILLION)
        await _due(bench, 2, HERE, MILLION)
        return [*await _passed_by(bench), *await bench.breaches()]


async def a_lane_stands_still_with_the_money_in_its_purse(ground: Ground) -> list[str]:
    """Another lane's fee waits for it."""
    async with ground.payment() as bench:
        await bench.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
        await _due(bench, 0, HERE, MILLION)
        await _due(bench, 1, THERE, MILLION)
        await bench.sweep(lanes=[THERE])
        waits = await bench.state("fee", code_of(1)) != "instructed"
        return [*(["1 waits, and there is money"] if waits else []), *await bench.breaches()]


async def the_oldest_could_not_be_paid_and_the_money_does_not_last_for_it(ground: Ground) -> list[str]:
    """Its account is not verified any more, and there is enough for the younger one."""
    async with ground.payment() as bench:
        await bench.receive(*journey(of_lane(HERE), code_of(0), fee=1, incentive=2 * MILLION))
        bench.now = LATER + timedelta(minutes=1)
        await bench.receive(*journey(of_lane(THERE), code_of(1), fee=1, incentive=MILLION))
        await bench.receive(linked(of_lane(HERE), day=1, verified=False), funds("48", "incentive", rupiah=MILLION))
        for lanes in ([HERE], [THERE]):
            await bench.sweep(lanes=lanes)
        waits = await bench.state("incentive_1", code_of(1)) != "instructed"
        return [*(["1 waits behind one that cannot go"] if waits else []), *await bench.breaches()]


async def a_rejection_brings_back_what_is_promised(ground: Ground) -> list[str]:
    """Who was told before a restore has no money left, since another took it; now it lies in that one's purse."""
    async with ground.payment() as before, ground.payment() as after:
        told, thief, neighbour = of_lane(HERE), of_lane(THERE, 1), of_lane(THERE, 2)
        await before.prepare()
        await before.receive(*journey(told, code_of(0)))
        await after.prepare(incentive=INCENTIVE)
        await after.receive(*journey(thief, code_of(1)))
        await after.adopt(before.pages)
        await after.report(after.told("incentive")[0].reference, "rejected", "AC04")
        await after.receive(*journey(neighbour, code_of(2)))
        await after.sweep()
        await after.receive(*journey(told, code_of(0)))
        return await after.breaches()


async def _due(bench: Bench, age: int, lane: int, amount: int) -> None:
    bench.now = LATER + timedelta(minutes=age)
    await bench.receive(*fee_due(lane, age, amount))


async def _passed_by(bench: Bench) -> list[str]:
    """Who was told to be paid while an older one waits that the money now left would not pay."""
    rows = await bench.connection.fetch(
        "select old.redeem_code as old, young.redeem_code as young from disbursement old join disbursement young"
        " on young.due_at > old.due_at and young.state = 'instructed' where old.reason = 'no_funds'"
    )
    return [f"{row['young']} was paid before {row['old']}" for row in rows]
