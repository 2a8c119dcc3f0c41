"""An internal record that has a number and cannot be read stops its lane; each of three cures resumes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.topics import lane_of
from shared.errors import Refused
from shared.messaging.engine.operations import pass_lane, resume_lane
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.sequence_number import identity_of, source_of
from shared.messaging.transaction.lane import real_microseconds
from shared.messaging.transaction.subscription import Source, Subscription
from shared.postgres.migrations import load_migrations
from shared.runtime.status import lanes
from tests.integration.messaging.toy import note_totals
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer
from tests.timeouts import until

LANE = lane_of("ana")
ERA = real_microseconds()


@dataclass(frozen=True)
class Total:
    """An event of the league in ana's lane, of which a test spoils the value or some headers."""

    number: int
    value: bytes | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)

    def record(self, world: ToyWorld) -> tuple[bytes, list[tuple[str, bytes]]]:
        topic = world.league.totals
        headers: dict[str, str | None] = {
            "ce_specversion": "1.0",
            "ce_id": identity_of(topic, LANE, ERA, self.number),
            "ce_source": source_of(world.league.service),
            "ce_type": "toy.league.total_reached.v1",
            "ce_time": "2023-02-17T12:00:00Z",
            "content-type": "application/json",
            "ce_era": f"{ERA}.1",
            "ce_sequence": str(self.number),
            **self.headers,
        }
        value = b'{"player":"ana","goal":"g%d","total":%d}' % (self.number, self.number)
        encoded = [(name, text.encode()) for name, text in headers.items() if text is not None]
        return value if self.value is None else self.value, encoded


async def write(world: ToyWorld, *totals: Total) -> None:
    """Write into the totals, as any producer with access to the topic can."""
    async with producer(world.bootstrap, max_request_size=8 << 20) as kafka:
        for total in totals:
            value, headers = total.record(world)
            await kafka.send_and_wait(world.league.totals, value, headers=headers, partition=LANE)


def seen(*numbers: int) -> list[tuple[str, str, int]]:
    return [("ana", f"g{number}", number) for number in numbers]


async def state(world: ToyWorld) -> tuple[str | None, str | None]:
    """Return the reason and detail for which ana's lane is stopped at the board."""
    found = await lanes(world.connection(world.league.board_service))
    return next(((lane.reason, lane.detail) for lane in found if lane.lane == LANE), (None, None))


async def until_stopped(world: ToyWorld, reason: str) -> str:
    async def stopped() -> str | None:
        why, detail = await state(world)
        return detail if why == reason else None

    return str(await until(stopped, f"the lane stands still: {reason}"))


async def operate(world: ToyWorld, action: Any, who: str = "Ani") -> Outcome:
    board = world.connection(world.league.board_service)
    async with board.transaction():
        outcome: Outcome = await action(
            board, Operator(who, "a drill", world.clock.now(), world.chain(world.league.board_service)), LANE
        )
        return outcome


async def test_unreadable_record_stops_its_lane_until_published_readably(world: ToyWorld) -> None:
    async with world.running(world.league.board_service):
        await write(world, Total(1), Total(2, headers={"ce_type": "toy.league.season_closed.v1"}), Total(3))
        assert await until_stopped(world, "unreadable") == f"{world.league.totals} at 1: unknown_type"
        await world.until_read(world.league.board_service, 3)
        assert await world.seen() == seen(1)
        await write(world, Total(2), Total(3))
        await world.until_seen(*seen(1, 2, 3))
        assert await state(world) == (None, None)
    assert not await world.fetch(world.league.board_service, "select 1 from parked")


async def test_mangled_record_is_cured_by_republishing_its_page(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana"), *(a_goal("ana", f"g{n}") for n in range(1, 4)))
        records = await world.until_published(world.league.totals, 3)
    await world.rewrite(world.league.totals, [records[0], mangled(records[1]), records[2]])
    async with world.running(world.league.board_service), world.running(world.league.service):
        await until_stopped(world, "unreadable")
        await world.republish(world.league.totals, LANE, 2)
        await world.until_seen(*seen(1, 2, 3))


def mangled(record: "ConsumerRecord[bytes, bytes]") -> "ConsumerRecord[bytes, bytes]":
    return record._replace(value=b"\x00" + (record.value or b""))


async def test_record_of_a_newer_type_is_read_again_when_its_lane_is_resumed(world: ToyWorld) -> None:
    newer = replace(world.league.reached, name="toy.league.total_reached.v2")
    async with world.running(world.league.board_service):
        await write(world, Total(1), Total(2, headers={"ce_type": newer.name}), Total(3))
        await until_stopped(world, "unreadable")
    both = Source(
        world.league.totals,
        (Subscription(world.league.reached, note_totals), Subscription(newer, note_totals)),
        producer=world.league.service,
    )
    async with world.running(world.league.board_service, sources=(both,)):
        await world.until_read(world.league.board_service, 3)
        assert await world.seen() == seen(1)
        outcome = await operate(world, resume_lane)
        assert "at 1 (unknown_type), which is read again" in outcome.sentence
        await world.until_seen(*seen(1, 2, 3))
        assert await state(world) == (None, None)


async def test_resumed_lane_stops_again_while_its_record_stays_unreadable(world: ToyWorld) -> None:
    async with world.running(world.league.board_service):
        await write(world, Total(1), Total(2, value=b"{"), Total(3))
        before = await until_stopped(world, "unreadable")
        await operate(world, resume_lane)
        await world.until_read(world.league.board_service, 3)
        assert await until_stopped(world, "unreadable") == before
    assert await world.seen() == seen(1)


async def test_passing_a_lane_requires_two_persons_and_parks_the_record(world: ToyWorld) -> None:
    board = world.league.board_service
    async with world.running(board):
        await write(world, Total(1), Total(2, value=b"{"), Total(3))
        await until_stopped(world, "unreadable")
        first = await operate(world, pass_lane)
        assert "once a second person consents" in first.sentence
        with pytest.raises(Refused, match="two different persons"):
            await operate(world, pass_lane)
        assert await world.seen() == seen(1)
        second = await operate(world, pass_lane, who="Budi")
        assert "number 2, is parked and its number taken. Ani consented first" in second.sentence
        await world.until_seen(*seen(1, 3))
        assert await state(world) == (None, None)
        (parked,) = await world.fetch(board, 'select reason, lane, "offset" from parked')
        assert tuple(parked) == ("invalid_json", LANE, 1)
        await world.until_published(f"dead-letters.{board}", 1)
        await write(world, Total(2), Total(4))
        await world.until_seen(*seen(1, 3, 4))


async def test_lane_without_an_unreadable_record_cannot_be_passed(world: ToyWorld) -> None:
    async with world.running(world.league.board_service):
        await write(world, Total(1))
        await world.until_seen(*seen(1))
        with pytest.raises(Refused, match="is not stopped at an unreadable record"):
            await operate(world, pass_lane)


async def test_record_without_a_number_of_ours_is_parked_and_its_lane_goes_on(world: ToyWorld) -> None:
    board = world.league.board_service
    foreign = ({"ce_era": None}, {"ce_source": "/salur/somebody"}, {"ce_sequence": "3"})
    async with world.running(board):
        await write(world, Total(1), *(Total(2, headers=headers) for headers in foreign), Total(2), Total(3))
        await world.until_seen(*seen(1, 2, 3))
    parked = await world.fetch(board, "select reason, detail from parked order by id")
    assert [tuple(row) for row in parked] == [("bad_envelope", name) for name in ("ce_era", "ce_source", "ce_id")]


async def test_forged_number_stops_its_lane_only_until_the_real_one_comes(world: ToyWorld) -> None:
    async with world.running(world.league.board_service):
        await write(world, Total(1), Total(2, value=b"junk"), Total(9, value=b"junk"))
        await until_stopped(world, "unreadable")
        await write(world, Total(2), Total(3))
        await world.until_seen(*seen(1, 2, 3))
        assert await state(world) == (None, None)


async def test_lane_of_the_version_before_goes_on_after_the_upgrade(world: ToyWorld) -> None:
    """The version before parked an internal event of 300 KB, as it checked sizes before numbers, and never resumed."""
    board = world.league.board_service
    large = b'{"player":"ana","goal":"g2","total":2%s}' % (b" " * 300_000)
    migration = next(m for m in load_migrations("shared.messaging") if m.name == "unreadable")
    begins = "update position p set unreadable_offset"
    async with world.running(board):
        await write(world, Total(1))
        await world.until_seen(*seen(1))
    await write(world, Total(2, value=large), Total(3))
    await world.fetch(
        board,
        "with p as (update position set next_offset = 3, gap_since = now(), last_offset = null, last_digest = null"
        "           where partition = $1 returning topic, partition)"
        'insert into parked (reason, detail, topic, partition, "offset", size, sha256, sealed, parked_at)'
        " select 'too_large', '', topic, partition, 1, 300042, '', '', now() from p",
        LANE,
    )
    assert begins in migration.statements
    await world.connection(board).execute(begins + migration.statements.partition(begins)[2])
    assert await state(world) == ("unreadable", f"{world.league.totals} at 1: too_large")
    async with world.running(board):
        await world.until_seen(*seen(1, 2, 3))
        assert await state(world) == (None, None)
