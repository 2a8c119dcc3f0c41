"""Scenarios about the engine, each with one fault; each returns breaches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from asyncpg import Connection

from shared.contracts.topics import lane_of
from shared.errors import Refused
from shared.messaging import failpoint
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.operations import resume_lane, set_position
from shared.messaging.engine.operator import Operator
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.transaction.batch import Batch
from shared.messaging.transaction.subscription import Source, Subscription
from tests.faults.planted.planted_harness import (
    Effect,
    PlantedHarness,
    breaches_of_engine,
    differences,
    publish_pages,
)
from tests.integration.messaging.toy import TotalReached, closing_timer, note_totals
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until

ANA = lane_of("ana")
BACKLOG = 60


async def a_session_is_cut_before_its_commit(harness: PlantedHarness) -> list[str]:
    async with harness.toy() as toy, toy.running(toy.league.board_service), toy.running(toy.league.service) as engine:
        await toy.send(a_player("ana"), a_goal("ana", "g1"))
        await toy.until_seen(*of_ana("g1"))
        with _cut_before_commit(engine) as cut:
            await toy.send(a_goal("ana", "g2"))
            await cut.wait()
        return await harness.breaches_of_toy(toy, *of_ana("g1", "g2"))


async def two_processes_have_fetched_the_same_batch(harness: PlantedHarness) -> list[str]:
    """Let the new owner of the lanes begin while the old one stands still in its handler."""
    async with harness.toy() as toy, toy.running(toy.league.service), toy.running(toy.league.board_service) as one:
        board = toy.league.board_service
        await toy.send(a_player("ana"), a_goal("ana", "g1"))
        await toy.until_seen(*of_ana("g1"))
        fetched, go_on = _stopped_before_its_next_batch(one)
        await toy.send(a_goal("ana", "g2"))
        batch = await fetched
        async with _locked(toy, board, "seen") as lock:
            go_on.set()
            await lock.until_waiting(1)
            async with _another(toy, board) as other:
                late = asyncio.create_task(other._batch_runner.run(batch))
                await lock.until_waiting(2)
                await lock.release()
                await late
        return await harness.breaches_of_toy(toy, *of_ana("g1", "g2"))


async def an_operator_moves_a_position_in_the_middle_of_a_batch(harness: PlantedHarness) -> list[str]:
    """Move it past the record in progress: the position stays, and the record has no effect."""
    async with harness.toy() as toy, toy.running(toy.league.service), toy.running(toy.league.board_service):
        league, session = toy.league.service, toy.connection(toy.league.service)
        await toy.send(a_player("ana"), a_goal("ana", "g1"))
        await toy.until_seen(*of_ana("g1"))
        async with _locked(toy, league, "goal") as lock:
            await toy.send(a_goal("ana", "g2"))
            await lock.until_waiting(1)
            operator = Operator("the night shift", "a call", datetime.now(UTC), toy.chain(league))
            async with session.transaction():
                await set_position(session, operator, toy.league.requests, 0, 3, (0, 3))
            await lock.release()
        await toy.send(a_goal("ana", "g3"))
        return await harness.breaches_of_toy(toy, *of_ana("g1", "g3"))


async def offsets_are_reset_to_the_end(harness: PlantedHarness) -> list[str]:
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        async with toy.running(toy.league.service):
            await toy.send(a_player("ana"), a_goal("ana", "g1"))
            await toy.until_seen(*of_ana("g1"))
        await toy.send(a_goal("ana", "g2"))
        await toy.reset_offsets(toy.league.service, "end")
        async with toy.running(toy.league.service):
            await toy.send(a_goal("ana", "g3"))
            return await harness.breaches_of_toy(toy, *of_ana("g1", "g2", "g3"))


async def the_database_is_restored_while_a_batch_is_in_flight(harness: PlantedHarness) -> list[str]:
    """Restore an older copy when a batch is fetched and not begun; records that the copy lacks must be read first."""
    async with harness.toy() as toy, toy.running(toy.league.board_service), toy.running(toy.league.service) as engine:
        league = toy.league.service
        await toy.send(a_player("ana"))
        await toy.until_count(league, "player", 1)
        await toy.take_copy(league)
        await toy.send(a_goal("ana", "g1"))
        await toy.until_seen(*of_ana("g1"))
        fetched, go_on = _stopped_before_its_next_batch(engine)
        await toy.send(a_goal("ana", "g2"))
        await fetched
        await toy.restore_copy(league)
        await toy.cut_sessions()
        await toy.until_count(league, "adopted", 1)
        await until(_offsets_resolved(engine), "positions are found anew")
        go_on.set()
        # The board has no business key, so an event published before the restore takes effect again.
        return await harness.breaches_of_toy(toy, ("ana", "g1", 1), *of_ana("g1", "g2"))


async def events_are_lost_repeated_and_sent_by_a_zombie(harness: PlantedHarness) -> list[str]:
    """Lose the second of four events for a reader, publish all again, and begin a new era by a restore."""
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        board, old, new = toy.league.board_service, 5, 9
        pages = {number: page(toy, old, 1, number) for number in (1, 2, 3, 4, 5)}
        await publish_totals(toy, pages[1], pages[3], pages[4])
        await toy.until_read(board, 3)
        breaches = differences(await toy.seen(), of_ana("g1"))
        if not await toy.fetch(board, "select from position where gap_since is not null"):
            breaches.append("the gap is not reported")
        await publish_totals(toy, pages[1], pages[2], pages[3], pages[4], pages[3], pages[4])
        await publish_totals(toy, page(toy, new, 4, 4, "g5"), pages[5], page(toy, new, 4, 5, "g6"))
        await toy.until_read(board, 12)
        seen = [*of_ana("g1", "g2", "g3", "g4"), ("ana", "g5", 4), ("ana", "g6", 5)]
        return [*breaches, *differences(await toy.seen(), seen), *await breaches_of_engine(toy)]


async def a_foreign_producer_and_a_newer_version_write_into_an_internal_topic(harness: PlantedHarness) -> list[str]:
    """Let the foreign producer guess the next number, and the second event need a reader that knows its type."""
    async with harness.toy() as toy:
        board, reached = toy.league.board_service, toy.league.reached
        newer = replace(reached, name="toy.league.total_reached.v2")
        newer_page = page(toy, 5, 1, 2)
        async with toy.running(board):
            await publish_totals(toy, page(toy, 5, 1, 1))
            await publish_pages(toy.bootstrap, "foreign", [page(toy, 5, 1, 2, "g9")])
            await publish_totals(
                toy, replace(newer_page, events=[newer_page.events[0]._replace(type=newer.name)]), page(toy, 5, 1, 3)
            )
            await toy.until_read(board, 4)
            breaches = differences(await toy.seen(), of_ana("g1"))
        both = (Subscription(reached, note_totals), Subscription(newer, note_totals))
        async with toy.running(board, sources=(Source(toy.league.totals, both, producer=toy.league.service),)):
            session = toy.connection(board)
            with suppress(Refused):
                async with session.transaction():
                    operator = Operator("the night shift", "an upgrade", datetime.now(UTC), toy.chain(board))
                    await resume_lane(session, operator, ANA)
            with suppress(AssertionError):
                await until(lambda: _has_seen(toy, 3), "three goals are seen", harness.patience)
        breaches += differences(await toy.seen(), of_ana("g1", "g2", "g3"))
        return breaches + [breach for breach in await breaches_of_engine(toy) if breach != "parked: bad_envelope"]


async def everything_comes_three_times_while_nothing_can_be_published(harness: PlantedHarness) -> list[str]:
    """Handle one record a batch, so that many pages wait for the publisher."""
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        goals = [a_goal("ana", f"g{number}") for number in range(1, 5)]
        async with toy.running(toy.league.service, batch_records=1) as engine:
            publisher = engine._publisher
            publish, publisher.publish_once = publisher.publish_once, _publishes_nothing  # type: ignore[method-assign]
            for partition in (0, 3, 7):
                await toy.send(*[replace(event, partition=partition) for event in (a_player("ana"), *goals)])
            await toy.until_read(toy.league.service, 15)
            publisher.publish_once = publish  # type: ignore[method-assign]
            return await harness.breaches_of_toy(toy, *of_ana("g1", "g2", "g3", "g4"))


async def a_deadline_falls_due_during_an_outage(harness: PlantedHarness) -> list[str]:
    """Remove players without a goal at the closing; ana's goal was sent in time and is last in the backlog."""
    async with harness.toy() as toy, toy.running(toy.league.board_service):
        async with toy.running(toy.league.service):
            await toy.send(a_player("ana"))
            await toy.until_count(toy.league.service, "player", 1)
        await toy.send(*(a_player(f"p{number}") for number in range(BACKLOG)), a_goal("ana", "g1"))
        toy.clock.pass_hours(2)
        closing = closing_timer(toy.clock.now() - timedelta(hours=1))
        async with toy.running(toy.league.service, timers=(closing,), batch_records=1, sweep_every_seconds=0.01):
            return await harness.breaches_of_toy(toy, *of_ana("g1"))


async def _has_seen(toy: ToyWorld, goals: int) -> bool:
    return len(await toy.seen()) >= goals


def of_ana(*goals: str) -> list[Effect]:
    """Return the effects of ana's goals, one point each."""
    return [("ana", goal, total) for total, goal in enumerate(goals, 1)]


@contextmanager
def _cut_before_commit(engine: Engine) -> Iterator[asyncio.Event]:
    """Cut the writer's session before its commit, once."""
    cut = asyncio.Event()

    def on_failpoint(point: str) -> None:
        session = engine._membership.session
        if point == "before_commit" and not cut.is_set() and session is not None:
            cut.set()
            session.connection.terminate()
            raise ConnectionResetError

    failpoint.listen(on_failpoint)
    try:
        yield cut
    finally:
        failpoint.forget(on_failpoint)


@dataclass(frozen=True)
class _Lock:
    """Table lock that handlers wait for in the middle of their transactions."""

    toy: ToyWorld
    service: str
    holder: Connection

    async def until_waiting(self, sessions: int) -> None:
        async def waiting() -> bool:
            query = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            return len(await self.toy.fetch(self.service, query)) == sessions

        await until(waiting, f"{sessions} sessions wait")

    async def release(self) -> None:
        await self.holder.close()


@asynccontextmanager
async def _locked(toy: ToyWorld, service: str, table: str) -> AsyncIterator[_Lock]:
    lock = _Lock(toy, service, await toy.open(service, "holder"))
    await lock.holder.execute(f"begin; lock table {table} in share mode")
    try:
        yield lock
    finally:
        await lock.release()


def _stopped_before_its_next_batch(engine: Engine) -> tuple[asyncio.Future[Batch], asyncio.Event]:
    """Hold the engine before its next batch; return the batch it fetched, and the event that lets it go on."""
    fetched, go_on, complete = asyncio.Future[Batch](), asyncio.Event(), engine._batch_runner.run

    async def slowly(batch: Batch) -> bool:
        if not fetched.done():
            fetched.set_result(batch)
        await go_on.wait()
        return await complete(batch)

    engine._batch_runner.run = slowly  # type: ignore[method-assign]
    return fetched, go_on


@asynccontextmanager
async def _another(toy: ToyWorld, service: str) -> AsyncIterator[Engine]:
    """Make a second process with a session of its own; the caller hands it its batches."""
    engine = Engine(toy.plan(service, replica="2"))
    session = await engine._membership._open_session()
    engine._assignment._positioned = True
    yield engine
    await session.connection.close()


def _offsets_resolved(engine: Engine) -> Callable[[], Awaitable[bool]]:
    async def resolved() -> bool:
        return engine.status().positioned

    return resolved


async def _publishes_nothing() -> bool:
    return False


def page(toy: ToyWorld, era: int, era_first: int, number: int, goal: str = "") -> Page:
    """Return a page with one total of ana's."""
    reached = TotalReached(player="ana", goal=goal or f"g{number}", total=number)
    event = OutboxEvent(toy.league.reached.name, "ana", toy.league.reached.dump(reached))
    return Page(toy.league.totals, ANA, era, era_first, number, datetime.now(UTC), [event])


async def publish_totals(toy: ToyWorld, *pages: Page) -> None:
    """Put pages of the league into their topics, in this order."""
    await publish_pages(toy.bootstrap, toy.league.service, pages)
