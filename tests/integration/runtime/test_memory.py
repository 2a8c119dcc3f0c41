"""The bound of a service's memory, for any records in any record batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.integration.messaging.deferred_goals import defer_goals, goals_of
from tests.integration.messaging.toy_world import a_goal, a_player, producer
from tests.integration.runtime.conftest import Toy
from tests.timeouts import until

MIB = 1 << 20
AT_MOST_BYTES = 250 * 1000 * 1000


async def write(toy: Toy, partition: int, values: Sequence[bytes], codec: str) -> None:
    """Write one record batch."""
    bootstrap = toy.environment["TOY_KAFKA_BOOTSTRAP"]
    roomy = {"max_batch_size": 1 << 30, "max_request_size": 1 << 30}
    async with producer(bootstrap, compression_type=codec, **roomy) as kafka:
        builder = kafka.create_batch()
        for value in values:
            builder.append(key=None, value=value, timestamp=None, headers=a_goal("a", "g").headers)
        await (await kafka.send_batch(builder, toy.league.requests, partition=partition))


def peak(pid: int) -> int:
    """Return the most bytes that the process has had in memory at once."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


async def test_memory_is_bounded_for_any_record_batch(toy: Toy) -> None:
    large = b'{"player":"' + b"\0" * 255 * 1024
    async with toy.run_process(TOY_LOOK_EVERY_SECONDS="1") as process:
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        for number in range(8):
            await write(toy, number, [large] * 125, "zstd")
        await until(lambda: parked(toy, 1000), "1,000 records of 255 KiB are parked", 120)
        for codec in ("gzip", "lz4", "zstd"):
            await write(toy, 5, [b"\0" * MIB] * 60, codec)
        await write(toy, 6, [a_goal("ana", f"g{n}").value for n in range(5)], "zstd")
        await until(lambda: parked(toy, 1003), "three bombs are parked", 60)
        await until(lambda: deferred(toy), "what comes behind them is taken in")
        assert peak(process.pid) < AT_MOST_BYTES
    rows = await toy.connection.fetch(
        "select reason, detail, whole, size, length(sealed) as sealed from parked where detail = 'batch'"
    )
    assert {(row["reason"], row["whole"]) for row in rows} == {("too_large", False)}
    assert await toy.connection.fetchval("select max(length(sealed)) from parked") < 160_000


async def test_memory_is_bounded_for_any_deferred_records(toy: Toy) -> None:
    goals = goals_of("ana", 1500)
    await defer_goals(toy.connection, toy.league, [replace(goal, raw=goal.value + b" " * 128 * 1024) for goal in goals])
    async with toy.run_process() as process:
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        async with producer(toy.environment["TOY_KAFKA_BOOTSTRAP"]) as kafka:
            player = a_player("ana")
            await kafka.send_and_wait(toy.league.requests, player.value, headers=player.headers, partition=0)
        await until(lambda: released(toy, len(goals)), "all goals are in", 120)
        assert peak(process.pid) < AT_MOST_BYTES


async def parked(toy: Toy, number: int) -> bool:
    return bool(await toy.connection.fetchval("select count(*) from parked") == number)


async def deferred(toy: Toy) -> bool:
    return bool(await toy.connection.fetchval("select count(*) from waiting") == 5)


async def released(toy: Toy, goals: int) -> bool:
    return bool(await toy.connection.fetchval("select count(*) from goal") == goals)
