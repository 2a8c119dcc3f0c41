"""Stories about money that is short. Each returns the breaches that the proofs find, and whoever was passed by."""

from datetime import timedelta

from tests.builders import LATER, a_provider, funds
from tests.faults.planted.ground import Ground
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import code_of, fee_due

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
