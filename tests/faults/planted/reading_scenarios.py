"""Scenarios about records that are large, compressed or repeated; each returns breaches."""

from shared.messaging.engine.plan import CommittedBatch
from tests.faults.planted.engine_scenarios import of_ana
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer

MIB = 1 << 20
# Records of one MiB: four MiB are returned at once, and at most one more record.
MOST_AT_ONCE = 5
ROOMY = {"max_batch_size": 1 << 30, "max_request_size": 1 << 30}


async def a_fact_is_repeated_before_its_cause(harness: PlantedHarness) -> list[str]:
    """Send a goal five times before its player, and then another goal; two may be deferred."""
    async with harness.toy() as toy:
        league, board = toy.league.service, toy.league.board_service
        async with toy.running(league, waiting_per_key=2), toy.running(board):
            await toy.send(*[a_goal("ana", "g1")] * 5, a_goal("ana", "g2"))
            await toy.until_read(league, 6)
            await toy.send(a_player("ana"))
            return await harness.breaches_of_toy(toy, *of_ana("g1", "g2"))


async def a_batch_decompresses_beyond_the_limit(harness: PlantedHarness) -> list[str]:
    async with harness.toy() as toy, toy.running(toy.league.service):
        await _write(toy, 33 * MIB)
        await toy.until_count(toy.league.service, "parked", 1)
        (row,) = await toy.fetch(toy.league.service, "select size from parked")
        return [f"decompressed: {row['size']} bytes"] if row["size"] > MIB else []


async def many_large_records_come_in_one_small_batch(harness: PlantedHarness) -> list[str]:
    most = 0

    def observe(batch: CommittedBatch) -> None:
        nonlocal most
        most = max(most, batch.records)

    async with harness.toy() as toy, toy.running(toy.league.service, observe=observe):
        await _write(toy, *[MIB] * 20)
        await toy.until_count(toy.league.service, "parked", 20)
    return [f"at once: {most} MiB"] if most > MOST_AT_ONCE else []


async def _write(toy: ToyWorld, *sizes: int) -> None:
    """Write one compressed record batch of zeros."""
    async with producer(toy.bootstrap, compression_type="gzip", **ROOMY) as kafka:
        builder = kafka.create_batch()
        for size in sizes:
            builder.append(key=None, value=bytes(size), timestamp=None, headers=a_goal("ana", "g1").headers)
        await (await kafka.send_batch(builder, toy.league.requests, partition=0))
