"""Large parked records: their first bytes are kept, and they are replayed whole from Kafka, or not at all."""

from dataclasses import replace
from hashlib import sha256

import pytest

from shared.contracts.seals import KeyRing
from shared.errors import Refused
from shared.messaging.engine.operations import replay_parked
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.message import unpack
from shared.messaging.reading.topic_inspector import TopicInspector
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, a_vault, producer
from tests.timeouts import until

KEPT = 64 * 1024
ROOMY = {"max_batch_size": 1 << 30, "max_request_size": 1 << 30}


def a_large_goal() -> bytes:
    """Return a value that is valid, and larger than what is kept of it."""
    return a_goal("ana", "g1").value.ljust(100_000)


async def replay(world: ToyWorld, vault: KeyRing, *, kafka: bool = True) -> Outcome:
    session = world.connection(world.league.service)
    operator = Operator("Ani", "a drill", world.clock.now(), world.chain(world.league.service))
    numbers = [row["id"] for row in await session.fetch("select id from parked")]
    async with TopicInspector(world.bootstrap) as topics, session.transaction():
        outcome = await replay_parked(session, operator, numbers, vault, topics if kafka else None)
        # While it waited for Kafka it was idle.
        assert await session.fetchval("show idle_in_transaction_session_timeout") == "10min"
        return outcome


async def send_bomb(world: ToyWorld, partition: int) -> None:
    """Return forty records in one batch: a few kilobytes on the wire, forty million bytes unpacked."""
    async with producer(world.bootstrap, compression_type="zstd", **ROOMY) as kafka:
        bomb = kafka.create_batch()
        for _ in range(40):
            bomb.append(key=None, value=b"\0" * (1 << 20), timestamp=None, headers=[])
        await (await kafka.send_batch(bomb, world.league.requests, partition=partition))


async def test_large_parked_record_keeps_its_first_bytes_and_is_replayed_whole(world: ToyWorld) -> None:
    league, vault, value = world.league.service, a_vault(), a_large_goal()
    async with world.running(league, vault=vault):
        await world.send(replace(a_goal("ana", "g1"), raw=value))
        await world.until_count(league, "waiting", 1)
        world.clock.pass_hours(25)
        await world.until_count(league, "parked", 1)
        (row,) = await world.fetch(league, "select reason, size, sha256, sealed, whole from parked")
        assert (row["reason"], row["size"], row["sha256"], row["whole"]) == (
            "wait_expired",
            100_000,
            sha256(value).digest(),
            False,
        )
        kept = unpack(vault.open_bytes(row["sealed"]))
        assert value.startswith(kept.value or b"")
        assert KEPT - 500 < len(kept.value or b"") <= KEPT
        with pytest.raises(Refused, match="kept in part only, and no longer in Kafka"):
            await replay(world, vault, kafka=False)
        await world.send(a_player("ana"))
        await world.until_count(league, "player", 1)
        assert "1 record replayed" in (await replay(world, vault)).sentence
        await world.until_count(league, "goal", 1)
        session = world.connection(league)
        assert await session.fetchval("show idle_in_transaction_session_timeout") == "10s"


async def test_raw_batch_is_parked_at_its_first_offset_and_not_replayed(world: ToyWorld) -> None:
    league, vault = world.league.service, a_vault()
    async with world.running(league, vault=vault):
        await world.send(a_player("ana", partition=3))
        await send_bomb(world, partition=3)
        await world.send(a_goal("ana", "g1", partition=3))
        await world.until_count(league, "goal", 1)
        (row,) = await world.fetch(league, 'select reason, detail, "offset", whole, size from parked')
        assert tuple(row)[:4] == ("too_large", "batch", 1, False)
        assert row["size"] < 20_000
        await world.until_published(f"dead-letters.{league}", 1)
        with pytest.raises(Refused, match="`positions set` reads a partition again"):
            await replay(world, vault)
        await send_bomb(world, partition=3)
        await world.until_count(league, "parked", 2)
        (position,) = await world.fetch(league, "select next_offset, last_offset from position where partition = 3")
        assert tuple(position) == (82, 81)
    async with world.running(league, vault=vault) as engine:

        async def anchored() -> bool:
            return engine.status().positioned

        await until(anchored, "the bomb as the last record is no other topic")
    assert not await world.fetch(league, "select 1 from position where stopped_reason is not null")


async def test_deferred_record_drops_an_oversized_key_and_headers(world: ToyWorld) -> None:
    league, goal = world.league.service, a_goal("ana", "g1")
    ballast = b"\0" * (1 << 20)
    async with world.running(league), producer(world.bootstrap, compression_type="zstd", **ROOMY) as kafka:
        headers = [*goal.headers, ("ce_note", ballast), ("note", ballast)]
        await kafka.send_and_wait(world.league.requests, goal.value, key=ballast, headers=headers, partition=0)
        await world.until_count(league, "waiting", 1)
        (row,) = await world.fetch(league, "select octet_length(record) as size from waiting")
        assert row["size"] < KEPT
        await world.send(a_player("ana"))
        await world.until_count(league, "goal", 1)
