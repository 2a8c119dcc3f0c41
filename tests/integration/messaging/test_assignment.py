"""Partitions are read only after their positions were found, and one bad record costs no other."""

from deploy.local.roles import owner_of
from shared.postgres.session import connect
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer
from tests.timeouts import until


async def test_assignment_slow_to_find_its_positions_reads_nothing_meanwhile(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_seen(("ana", "g1", 1))
    await world.send(*[a_goal("ana", f"g{n}") for n in range(2, 6)])

    schema = world.schemas[world.league.service]
    holder = await connect(world.database.url_of(owner_of(schema)), "holder")
    await holder.execute("begin; lock table position")
    async with world.running(world.league.board_service), world.running(world.league.service) as engine:

        async def is_paused() -> bool:
            consumer = engine._assignment.consumer
            return consumer is not None and bool(consumer.paused()) and consumer.paused() == consumer.assignment()

        await until(is_paused, "all partitions are assigned and paused")
        await world.send(a_goal("ana", "g6"))
        assert engine.status().records == 0
        assert not engine.status().positioned
        await holder.close()
        await world.until_seen(*[("ana", f"g{n}", n) for n in range(1, 7)])


async def test_header_that_is_not_utf8_parks_only_its_record(world: ToyWorld) -> None:
    broken = a_goal("ana", "g2")
    headers = [(name, b"\xff" if name == "ce_id" else value) for name, value in broken.headers]
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        async with producer(world.bootstrap) as kafka:
            await kafka.send_and_wait(world.league.requests, broken.value, headers=headers, partition=0)
            await kafka.send_and_wait(world.league.requests, None, key=b"ana", headers=broken.headers, partition=0)
        await world.send(a_goal("ana", "g3"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g3", 2))
        rows = await world.fetch(world.league.service, "select reason from parked order by id")
    assert [row["reason"] for row in rows] == ["bad_envelope", "null_value"]


async def test_aborted_records_are_never_read_and_delay_no_deadline(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana"), a_goal("bo", "g1"))
        await world.until_count(world.league.service, "waiting", 1)
        async with producer(world.bootstrap, transactional_id=f"upstream-{world.league.suffix}") as kafka:
            await kafka.begin_transaction()
            for event in (a_player("bo"), a_goal("ana", "g2")):
                await kafka.send_and_wait(world.league.requests, event.value, headers=event.headers, partition=0)
            await kafka.abort_transaction()
        world.clock.pass_hours(25)
        await world.until_count(world.league.service, "parked", 1)
        await world.until_count(world.league.service, "player", 1)
        await world.until_count(world.league.service, "goal", 0)
