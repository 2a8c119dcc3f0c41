"""A failing record is parked, retried or stops its lane, by the kind of the failure; all others go on."""

from dataclasses import replace

from shared.contracts.topics import lane_of
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until


async def test_poison_record_is_parked_alone(world: ToyWorld) -> None:
    """JSON allows U+0000 and Postgres refuses it: the batch is halved until the record is alone."""
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_player("bo"))
        await world.until_count(world.league.service, "player", 2)
        await world.send(a_goal("ana", "g1"), a_goal("ana", "bad\0goal"), a_goal("bo", "g2"), a_goal("ana", "g3"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g3", 2), ("bo", "g2", 1))
        (parked,) = await world.fetch(world.league.service, "select reason, detail, topic from parked")
    assert dict(parked) == {"reason": "invalid_field", "detail": "22021", "topic": world.league.requests}


async def test_parked_record_is_pointed_to_and_not_copied(world: ToyWorld) -> None:
    event = replace(a_player("ana", partition=3), raw=b'{"player": "ana", "shirt": 7}')
    async with world.running(world.league.service):
        await world.send(event)

        async def pointed() -> bool:
            return len(await world.published(f"dead-letters.{world.league.service}")) == 1

        await until(pointed, "a dead letter points to it")
        (pointer,) = await world.published(f"dead-letters.{world.league.service}")
    headers = dict(pointer.headers)
    assert pointer.partition == 3
    assert headers["salur_reason"] == b"invalid_field"
    assert headers["salur_detail"] == b"/shirt"
    assert headers["salur_topic"] == world.league.requests.encode()
    assert b"ana" not in (pointer.value or b"")


async def test_parked_record_read_again_has_one_row_and_one_dead_letter(world: ToyWorld) -> None:
    league = world.league.service
    async with world.running(league):
        await world.send(replace(a_goal("ana", "g1"), raw=b"not json"))
        await world.until_published(f"dead-letters.{league}", 1)
    await world.fetch(league, "update position set next_offset = 0, last_offset = null, last_digest = null")
    async with world.running(league):
        await world.send(a_player("ana"))
        await world.until_count(league, "player", 1)
        await world.until_read(league, 2)
        await world.until_count(league, "parked", 1)
    # If the first engine ended before it noted what it had published, the second publishes it again, with the same id.
    assert len({dict(letter.headers)["ce_id"] for letter in await world.published(f"dead-letters.{league}")}) == 1


async def test_broken_invariant_stops_only_its_lane(world: ToyWorld) -> None:
    wrong, fine = "ana", _of_another_lane("ana")
    broken = replace(world, league=replace(world.league, breaks_on="g2"))
    async with broken.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player(wrong), a_player(fine), a_goal(wrong, "g1"))
        await world.until_seen((wrong, "g1", 1))
        await world.send(a_goal(wrong, "g2"), a_goal(wrong, "g3"), a_goal(fine, "g4"))
        await world.until_seen((wrong, "g1", 1), (fine, "g4", 1))
        await world.until_count(world.league.service, "waiting", 2)
    (lane,) = await world.fetch(
        world.league.service, "select lane, stopped_reason from lane where stopped_reason is not null"
    )
    assert tuple(lane) == (lane_of(wrong), "invariant")


async def test_constraint_broken_by_an_internal_record_stops_its_lane(world: ToyWorld) -> None:
    league, board = world.league.service, world.league.board_service
    await world.fetch(board, "alter table seen add check (total < 100)")
    async with world.running(league), world.running(board):
        await world.send(a_player("ana"), a_goal("ana", "g1", points=100))

        async def stopped() -> bool:
            rows = await world.fetch(board, "select lane from lane where stopped_reason = 'invariant'")
            return [row["lane"] for row in rows] == [lane_of("ana")]

        await until(stopped, "the lane stands still")
        await world.until_count(board, "parked", 0)


async def test_records_set_aside_come_first_when_their_lane_is_resumed(world: ToyWorld) -> None:
    broken = replace(world, league=replace(world.league, breaks_on="g2"))
    async with broken.running(world.league.service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_count(world.league.service, "goal", 1)
        await world.send(a_goal("ana", "g2"), a_goal("ana", "g3"))
        await world.until_count(world.league.service, "waiting", 2)
    await world.resume_lanes(world.league.service)
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_goal("ana", "g4"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3), ("ana", "g4", 4))


async def test_cutting_every_postgres_session_loses_and_repeats_nothing(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_seen(("ana", "g1", 1))
        await world.cut_sessions()
        await world.send(a_goal("ana", "g2"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2))


async def test_deferred_record_expires_once_all_inputs_are_read(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_goal("ana", "g1"))
        await world.until_count(world.league.service, "waiting", 1)
        world.clock.pass_hours(25)
        await world.until_count(world.league.service, "parked", 1)
        (parked,) = await world.fetch(world.league.service, "select reason from parked")
    assert parked["reason"] == "wait_expired"


async def test_deferred_records_beyond_the_bound_of_a_key_are_parked(world: ToyWorld) -> None:
    async with world.running(world.league.service, waiting_per_key=2):
        await world.send(*(a_goal("ana", f"g{number}") for number in range(4)), a_goal("bea", "g9"))
        await world.until_count(world.league.service, "parked", 2)
        await world.until_count(world.league.service, "waiting", 3)
        reasons = await world.fetch(world.league.service, "select distinct reason from parked")
    assert [row["reason"] for row in reasons] == ["wait_full"]


async def test_identical_record_is_deferred_once_whatever_its_id_and_partition(world: ToyWorld) -> None:
    async with world.running(world.league.service, waiting_per_key=2):
        await world.send(*(a_goal("ana", "g1", partition=number % 3) for number in range(9)))
        await world.until_read(world.league.service, 9)
        await world.until_count(world.league.service, "waiting", 1)
        await world.send(a_goal("ana", "g2"), a_goal("ana", "g1"), a_goal("ana", "g2"))
        await world.until_read(world.league.service, 12)
        await world.until_count(world.league.service, "waiting", 2)
        await world.send(a_goal("ana", "g1"), a_goal("ana", "g3"), a_goal("ana", "g2"))
        await world.until_count(world.league.service, "parked", 1)
        await world.until_read(world.league.service, 15)
        await world.until_count(world.league.service, "parked", 1)
        await world.send(a_player("ana"))
        await world.until_count(world.league.service, "goal", 2)


async def test_deferred_records_beyond_the_total_bound_are_parked(world: ToyWorld) -> None:
    league = world.league.service
    async with world.running(league, waiting_in_all=3):
        await world.send(*(a_goal(f"p{number}", f"g{number}") for number in range(5)))
        await world.until_count(league, "parked", 2)
        await world.send(a_player("p0"))
        await world.until_count(league, "waiting", 2)
        await world.send(a_goal("p8", "g8"))
        await world.until_count(league, "waiting", 3)
        (reasons,) = await world.fetch(league, "select array_agg(distinct reason) as parked from parked")
    assert reasons["parked"] == ["wait_full"]


async def test_record_from_the_future_is_parked(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana"), a_goal("ana", "g1", scored_at="2099-01-01T00:00:00Z"))
        await world.until_count(world.league.service, "parked", 1)
        (parked,) = await world.fetch(world.league.service, "select reason, detail from parked")
    assert tuple(parked) == ("out_of_window", "/scored_at")


def _of_another_lane(name: str) -> str:
    return next(other for n in range(99) if lane_of(other := f"p{n}") != lane_of(name))
