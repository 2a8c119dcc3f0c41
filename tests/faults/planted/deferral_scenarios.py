"""Scenarios about deferred records and deadlines, each with one fault; each returns breaches."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from shared.contracts.topics import lane_of
from shared.messaging.engine.sweep import PORTION_RECORDS
from tests.faults.planted.engine_scenarios import ANA, of_ana, page, publish_totals
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.messaging.deferred_goals import defer_goals, goals_of, seen_of
from tests.integration.messaging.toy import bell_timer, closing_timer
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, releases_held, rounds
from tests.timeouts import until

OTHER = "p1"


async def a_deadline_falls_due_while_another_lane_stands_still(harness: PlantedHarness) -> list[str]:
    """Stop the other lane at a broken invariant, with more of it unread."""
    async with harness.toy() as toy, toy.running(toy.league.service):
        board = toy.league.board_service
        await toy.fetch(board, "alter table seen add check (total < 100)")
        async with toy.running(board, timers=(bell_timer(toy.clock.now() + timedelta(hours=1)),)):
            await toy.send(a_player("ana"), a_player(OTHER), a_goal("ana", "g1"), a_goal(OTHER, "g2", points=100))
            await toy.until_seen(*of_ana("g1"))
            await until(_is_stopped(toy, board, lane_of(OTHER)), "the other lane stands still")
            await toy.send(a_goal(OTHER, "g3"))
            await toy.until_published(toy.league.totals, 3)
            toy.clock.pass_hours(2)
            try:
                await until(_has_rung(toy, ANA), "ana's bell has rung", harness.patience)
            except AssertionError:
                return ["starved: the deadline of ana's lane"]
            return ["too soon: the deadline of the other lane"] if await _has_rung(toy, lane_of(OTHER))() else []


async def a_deadline_falls_due_while_its_own_lane_stands_still(harness: PlantedHarness) -> list[str]:
    """Set a timely goal of ana's aside, and resume her lane when the closing is due."""
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        league = toy.league.service
        closing = closing_timer(toy.clock.now() + timedelta(hours=1))
        async with toy.running(league, timers=(closing,)) as engine:
            await toy.send(a_player("ana"))
            await toy.until_count(league, "player", 1)
            stop = "update lane set stopped_reason = 'invariant', stopped_at = now() where lane = $1"
            await toy.fetch(league, stop, ANA)
            await toy.send(a_goal("ana", "g1"))
            await toy.until_count(league, "waiting", 1)
            toy.clock.pass_hours(2)
            # Else the goal may take effect before the timer has had its turn.
            with releases_held(engine):
                await rounds(engine, 2)
                await toy.resume_lanes(league)
                await rounds(engine, 1)
            return await harness.breaches_of_toy(toy, *of_ana("g1"))


async def a_deadline_falls_due_while_numbers_are_missing(harness: PlantedHarness) -> list[str]:
    """Lose the first of three events, and publish it again alone once the board has read on past the others."""
    async with harness.toy() as toy:
        board = toy.league.board_service
        pages = {number: page(toy, 5, 1, number) for number in (1, 2, 3)}
        await publish_totals(toy, pages[2], pages[3])
        async with toy.running(board, timers=(bell_timer(toy.clock.now()),)) as engine:
            await toy.until_read(board, 2)
            await publish_totals(toy, pages[1])
            await toy.until_seen(*of_ana("g1"))
            await rounds(engine, 2)
            await publish_totals(toy, pages[2], pages[3])
            await until(_has_rung(toy, ANA), "ana's bell has rung")
            (rung,) = await toy.fetch(board, "select goals from rung where lane = $1", ANA)
            missed = [goal for goal in ("g1", "g2", "g3") if goal not in rung["goals"]]
            return [f"missed: {', '.join(missed)}"] if missed else []


async def more_records_are_deferred_than_a_portion_holds(harness: PlantedHarness) -> list[str]:
    """Send one goal together with ana, and another while her deferred goals are released."""
    crowd = 2 * PORTION_RECORDS + 10
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        league = toy.league.service
        await defer_goals(toy.connection(league), toy.league, goals_of("ana", crowd))
        async with toy.running(league):
            await toy.send(a_player("ana"), a_goal("ana", "with her"))
            await until(lambda: toy.fetch(league, "select from goal limit 1"), "the first goals are in")
            await toy.send(a_goal("ana", "later"))
            later = [("ana", "with her", crowd + 1), ("ana", "later", crowd + 2)]
            return await harness.breaches_of_toy(toy, *seen_of("ana", crowd), *later)


def _is_stopped(toy: ToyWorld, service: str, lane: int) -> Callable[[], Awaitable[bool]]:
    async def stopped() -> bool:
        query = "select from lane where lane = $1 and stopped_reason is not null"
        return bool(await toy.fetch(service, query, lane))

    return stopped


def _has_rung(toy: ToyWorld, lane: int) -> Callable[[], Awaitable[bool]]:
    async def rung() -> bool:
        return bool(await toy.fetch(toy.league.board_service, "select from rung where lane = $1", lane))

    return rung
