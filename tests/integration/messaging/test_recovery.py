"""After a restore, events published in any lane are adopted once, in portions, before anything is decided."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.topics import LANES, lane_of
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.recovery import adopt_tails
from shared.messaging.queries import QUERIES
from shared.messaging.reading import topic_inspector
from shared.messaging.transaction.subscription import Tail, Timer
from shared.messaging.transaction.transaction import Transaction
from tests.integration.messaging.toy import adopt_totals
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer
from tests.timeouts import until

PLAYERS = [next(name for n in range(999) if lane_of(name := f"p{n}") == lane) for lane in range(LANES)]


async def forgotten(world: ToyWorld, *goals: str) -> "list[ConsumerRecord[bytes, bytes]]":
    """Publish a total for each goal of each player, restore the league to before the goals, and return the records."""
    league = world.league.service
    async with world.running(league):
        await world.send(*map(a_player, PLAYERS))
        await world.until_count(league, "player", len(PLAYERS))
        await world.take_copy(league)
        await world.send(*(a_goal(player, f"{player}-{goal}") for player in PLAYERS for goal in goals))
        records = await world.until_published(world.league.totals, len(PLAYERS) * len(goals))
    await world.restore_copy(league)
    return records


@asynccontextmanager
async def holding_nothing(world: ToyWorld, **changes: Any) -> AsyncIterator[Engine]:
    """Run an engine without a consumer, so that it holds no lane, with a session of its own."""
    engine = Engine(replace(world.plan(world.league.service, replica="2"), **changes))
    try:
        yield engine
    finally:
        await engine.stop()


async def adopt(engine: Engine) -> None:
    await adopt_tails(await engine._membership._open_session(), engine._inspector, engine._plan)


async def adopted(world: ToyWorld) -> list[str]:
    rows = await world.fetch(world.league.service, "select goal from adopted order by goal")
    return [row["goal"] for row in rows]


async def test_tails_of_lanes_held_by_no_process_are_adopted(world: ToyWorld) -> None:
    await forgotten(world, "g1")
    async with holding_nothing(world) as engine:
        await adopt(engine)
    assert await adopted(world) == sorted(f"{player}-g1" for player in PLAYERS)
    lanes = await world.fetch(world.league.service, "select lane from lane where catching_up_since is not null")
    assert len(lanes) == LANES


async def test_tail_of_one_lane_makes_all_lanes_catch_up(world: ToyWorld) -> None:
    (record, *_) = await forgotten(world, "g1")
    assert await _rewritten(world, [record]) == {record.partition: True}
    lanes = await world.fetch(world.league.service, "select lane from lane where catching_up_since is not null")
    assert len(lanes) == LANES


async def test_lane_has_caught_up_only_when_all_timers_of_the_round_have_run(world: ToyWorld) -> None:
    """So what waited for it is done in the next round, before any deadline acts."""
    tried, acted_untried = set[int](), list[int]()

    async def cure(tx: Transaction, lanes: Sequence[int]) -> int:
        tried.update(lane for lane in lanes if not tx.catching_up(lane))
        return 0

    async def act(tx: Transaction, lanes: Sequence[int]) -> int:
        acted_untried.extend(lane for lane in lanes if not tx.catching_up(lane) and lane not in tried)
        return 0

    await forgotten(world, "g1")
    timers = (Timer("cure", cure, prevented_by=()), Timer("act", act))
    async with world.running(world.league.service, timers=timers):
        await world.until_count(world.league.service, "adopted", len(PLAYERS))

        async def caught_up() -> bool:
            return len(tried) == LANES

        await until(caught_up, "all lanes have caught up")
    assert acted_untried == []


async def test_processes_starting_together_adopt_each_event_once(world: ToyWorld) -> None:
    await forgotten(world, "g1", "g2")
    async with holding_nothing(world) as one, holding_nothing(world) as other:
        await asyncio.gather(adopt(one), adopt(other))
        await adopt(one)
    assert await adopted(world) == sorted(f"{player}-{goal}" for player in PLAYERS for goal in ("g1", "g2"))


async def test_interrupted_adoption_continues_after_its_committed_portions(
    world: ToyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_inspector, "PORTION_BYTES", 1)
    monkeypatch.setattr(topic_inspector, "PORTION_RECORDS", 2)
    tails: list[Tail] = []

    async def cut(tx: Transaction, tail: Tail) -> None:
        if len(tails) == 3:
            raise ConnectionResetError
        tails.append(tail)
        await adopt_totals(tx, tail)

    await forgotten(world, "g1", "g2", "g3")
    async with holding_nothing(world, adopt=cut) as engine:
        with pytest.raises(ConnectionResetError):
            await adopt(engine)
    before = await adopted(world)
    assert len(before) == sum(len(tail.pages) for tail in tails)
    async with holding_nothing(world) as engine:
        await adopt(engine)
    assert await adopted(world) == sorted(f"{player}-g{number}" for player in PLAYERS for number in (1, 2, 3))
    assert all(len(tail.pages) <= 2 for tail in tails)
    assert {row["whole"] for row in await world.fetch(world.league.service, "select whole from adopted")} == {True}


async def _rewritten(world: ToyWorld, records: "Sequence[ConsumerRecord[bytes, bytes]]") -> dict[int, bool]:
    """Replace the totals by these records, adopt, and return by lane whether its tail is whole."""
    await world.fetch(world.league.service, "update publication set mark_offset = null, mark_id = null")
    await world.rewrite(world.league.totals, records)
    async with holding_nothing(world) as engine:
        await adopt(engine)
    rows = await world.fetch(world.league.service, "select lane, bool_and(whole) as whole from adopted group by lane")
    return {row["lane"]: row["whole"] for row in rows}


async def test_missing_number_is_found_in_its_lane_alone(world: ToyWorld) -> None:
    records = await forgotten(world, "g1", "g2", "g3")
    lane = records[0].partition
    missing = [record for record in records if record.partition == lane][1]
    whole = await _rewritten(world, [record for record in records if record is not missing])
    assert whole == {number: number != lane for number in range(LANES)}


async def test_number_missing_in_one_era_is_found_though_a_later_era_has_it(world: ToyWorld) -> None:
    """Before and after a restore other events were published under the same numbers; each era counts by itself."""
    first = await forgotten(world, "g1", "g2", "g3")
    league = world.league.service
    async with world.running(league, adopt=None):
        await world.send(*(a_goal(player, f"{player}-g4") for player in PLAYERS))
        records = await until(
            lambda: _published_since(world, len(first)), "the goals are published again in a second era"
        )
    await world.restore_copy(league)
    lane = first[0].partition
    missing = [record for record in first if record.partition == lane][1]
    kept = [r for r in records if (r.partition, r.offset) != (missing.partition, missing.offset)]
    whole = await _rewritten(world, kept)
    assert whole == {number: number != lane for number in range(LANES)}


async def _published_since(world: ToyWorld, count: int) -> "list[ConsumerRecord[bytes, bytes]]":
    records = await world.published(world.league.totals)
    return records if len(records) == count + 4 * len(PLAYERS) else []


async def test_record_of_another_producer_in_our_topic_is_not_adopted(world: ToyWorld) -> None:
    (record, *_) = await forgotten(world, "g1")
    foreign = {
        "ce_source": b"/salur/somebody",
        "ce_id": b"totals/0/1/1",
        "ce_era": b"99999999999999999999.1",
        "ce_sequence": b"one",
    }
    async with producer(world.bootstrap) as kafka:
        for name, value in foreign.items():
            headers = [(header, value if header == name else held) for header, held in record.headers]
            await kafka.send_and_wait(record.topic, record.value, headers=headers, partition=record.partition)
    async with holding_nothing(world) as engine:
        await adopt(engine)
    assert await adopted(world) == sorted(f"{player}-g1" for player in PLAYERS)


async def test_events_whose_pages_retention_has_deleted_are_not_adopted(world: ToyWorld) -> None:
    """A stranger's record among ours makes all behind it be examined once more, perhaps weeks later."""
    league = world.league.service
    async with world.running(league, look_every_seconds=3600.0):
        await world.send(*map(a_player, PLAYERS))
        await world.send(*(a_goal(player, f"{player}-g1") for player in PLAYERS))
        await world.until_published(world.league.totals, LANES)
        async with producer(world.bootstrap) as kafka:
            for lane in range(LANES):
                await kafka.send_and_wait(world.league.totals, b"{}", partition=lane)
        await world.send(*(a_goal(player, f"{player}-{goal}") for goal in ("g2", "g3") for player in PLAYERS))
        await world.until_published(world.league.totals, 4 * LANES)
        await world.until_count(league, "publication where unseen_from is not null", LANES)
        world.clock.pass_hours(43 * 24)
        await world.until_count(league, "page", 0)
    async with holding_nothing(world) as engine:
        await adopt(engine)
    assert await adopted(world) == []


async def test_old_page_stays_as_long_as_an_earlier_one_of_its_lane(world: ToyWorld) -> None:
    """So every number before the first page that is kept is known to have been on a page."""
    league, totals, now = world.league.service, world.league.totals, world.clock.now()
    async with holding_nothing(world) as engine:
        await engine._membership._open_session()
        for lane, ages in enumerate([(50, 50, 10, 50), (10, 50), (50,) * 15]):
            for number, days in enumerate(ages, 1):
                row = (totals, lane, number, now - timedelta(days=days))
                await world.fetch(league, "insert into page values ($1, $2, 1, 1, $3, $3, $4, false, '')", *row)
        await world.fetch(league, "update publication set published = 14")
        for _ in range(3):
            await world.fetch(league, QUERIES["delete_old_pages"], now - timedelta(days=42), list(range(LANES)))
    left = await world.fetch(
        league, "select lane, array_agg(first_sequence order by first_sequence) from page group by 1 order by 1"
    )
    assert [tuple(row) for row in left] == [(0, [3, 4]), (1, [1, 2]), (2, [15])]


async def test_session_ends_when_its_database_is_restored_and_next_one_adopts(world: ToyWorld) -> None:
    league = world.league.service
    async with world.running(league), world.running(world.league.board_service):
        await world.send(a_player("ana"))
        await world.until_count(league, "player", 1)
        await world.take_copy(league)
        await world.send(a_goal("ana", "g1"))
        await world.until_seen(("ana", "g1", 1))
        await world.restore_copy(league)
        await world.until_count(league, "adopted", 1)


async def test_event_delivered_late_after_a_restore_is_adopted_periodically(world: ToyWorld) -> None:
    """A frozen producer delivers it after the restored service has started."""
    (late, *records) = await forgotten(world, "g1")
    await world.rewrite(world.league.totals, records)
    await world.fetch(world.league.service, "update publication set mark_offset = null, mark_id = null")
    async with world.running(world.league.service, look_every_seconds=0.2):
        await world.until_count(world.league.service, "adopted", len(records))
        async with producer(world.bootstrap) as kafka:
            await kafka.send_and_wait(
                late.topic, late.value, key=late.key, headers=list(late.headers), partition=late.partition
            )
        await world.until_count(world.league.service, "adopted", len(records) + 1)
