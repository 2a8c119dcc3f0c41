"""What failed decides what happens: parked, retried in place, or its lane stops; neighbours go on."""

from dataclasses import replace

from shared.contracts.topics import lane_of
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until


async def test_a_poison_record_costs_its_neighbours_nothing(world: ToyWorld) -> None:
    """U+0000 passes JSON and is refused by Postgres: the batch is halved until it stands alone."""
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_player("bo"))
        await world.until_count(world.league.service, "player", 2)
        await world.send(a_goal("ana", "g1"), a_goal("ana", "bad\0goal"), a_goal("bo", "g2"), a_goal("ana", "g3"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g3", 2), ("bo", "g2", 1))
        (parked,) = await world.fetch(world.league.service, "select reason, detail, topic from parked")
    assert dict(parked) == {"reason": "invalid_field", "detail": "22021", "topic": world.league.requests}


async def test_a_parked_record_is_pointed_to_and_not_copied(world: ToyWorld) -> None:
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


async def test_a_parked_record_that_is_read_again_is_parked_and_pointed_out_once(world: ToyWorld) -> None:
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
    # The first engine may have ended before it noted what it had said; then the second says it again under its number.
    assert len({dict(letter.headers)["ce_id"] for letter in await world.published(f"dead-letters.{league}")}) == 1


async def test_a_broken_invariant_stops_its_lane_and_no_other(world: ToyWorld) -> None:
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


async def test_a_constraint_that_a_word_of_our_own_breaks_stops_its_lane_and_parks_nothing(world: ToyWorld) -> None:
    league, board = world.league.service, world.league.board_service
    await world.fetch(board, "alter table seen add check (total < 100)")
    async with world.running(league), world.running(board):
        await world.send(a_player("ana"), a_goal("ana", "g1", points=100))

        async def stopped() -> bool:
            rows = await world.fetch(board, "select lane from lane where stopped_reason = 'invariant'")
            return [row["lane"] for row in rows] == [lane_of("ana")]

        await until(stopped, "the lane stands still")
        await world.until_count(board, "parked", 0)


async def test_records_set_aside_come_first_and_in_order_when_their_lane_goes_on(world: ToyWorld) -> None:
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


async def test_postgres_cutting_every_session_costs_nothing(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_seen(("ana", "g1", 1))
        await world.cut_sessions()
        await world.send(a_goal("ana", "g2"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2))


async def test_what_waits_is_parked_when_its_time_is_up_and_everything_in_time_is_read(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_goal("ana", "g1"))
        await world.until_count(world.league.service, "waiting", 1)
        world.clock.pass_hours(25)
        await world.until_count(world.league.service, "parked", 1)
        (parked,) = await world.fetch(world.league.service, "select reason from parked")
    assert parked["reason"] == "wait_expired"


async def test_what_is_too_much_under_one_key_is_parked_and_the_rest_goes_on_waiting(world: ToyWorld) -> None:
    async with world.running(world.league.service, waiting_per_key=2):
        await world.send(*(a_goal("ana", f"g{number}") for number in range(4)), a_goal("bea", "g9"))
        await world.until_count(world.league.service, "parked", 2)
        await world.until_count(world.league.service, "waiting", 3)
        reasons = await world.fetch(world.league.service, "select distinct reason from parked")
    assert [row["reason"] for row in reasons] == ["wait_full"]


async def test_identical_record_takes_no_second_place_whatever_its_id_and_partition(world: ToyWorld) -> None:
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


async def test_what_is_too_much_in_all_is_parked_under_whatever_key(world: ToyWorld) -> None:
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


async def test_a_record_from_the_future_is_parked(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana"), a_goal("ana", "g1", scored_at="2099-01-01T00:00:00Z"))
        await world.until_count(world.league.service, "parked", 1)
        (parked,) = await world.fetch(world.league.service, "select reason, detail from parked")
    assert tuple(parked) == ("out_of_window", "/scored_at")


def _of_another_lane(name: str) -> str:
    return next(other for n in range(99) if lane_of(other := f"p{n}") != lane_of(name))
