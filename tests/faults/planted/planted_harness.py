"""Where the stories of planted bugs are played, and what proves them: the checks of the fault tests, on the toy."""

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.messaging.outbox.page import Page
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from tests.faults.topic_audit import breaches_between, events_of
from tests.infrastructure import Database, KafkaServer, PostgresServer, sealing_of
from tests.integration.enrollment import harness as of_enrollment
from tests.integration.messaging.toy import League
from tests.integration.messaging.toy_world import ToyWorld, producer
from tests.integration.payment import harness as of_payment
from tests.timeouts import until

Effect = tuple[str, str, int]


@dataclass(frozen=True)
class PlantedHarness:
    """One broker and one database server for all stories. `patience`: seconds until what has not come is a breach."""

    kafka: KafkaServer
    postgres: PostgresServer
    patience: float

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """A fresh one and no lent one: a bug may be in what makes a schema, too."""
        fresh = await self.postgres.fresh_database()
        try:
            yield fresh
        finally:
            await self.postgres.drop(fresh)

    @asynccontextmanager
    async def toy(self) -> AsyncIterator[ToyWorld]:
        """The engine under a league and a board, with topics and schemas of their own."""
        async with self.database() as database:
            world = ToyWorld(self.kafka.bootstrap, database, League(uuid.uuid4().hex[:8]))
            try:
                await world.prepare()
                yield world
            finally:
                await world.close()

    @asynccontextmanager
    async def payment(self) -> AsyncIterator[of_payment.PaymentHarness]:
        async with self.database() as database:
            harness = await of_payment.create_harness(database)
            try:
                yield harness
            finally:
                await harness.connection.close()

    @asynccontextmanager
    async def enrollment(self) -> AsyncIterator[of_enrollment.EnrollmentHarness]:
        async with self.database() as database:
            harness = await of_enrollment.create_harness(database)
            try:
                yield harness
            finally:
                await harness.connection.close()

    async def breaches_of_toy(self, world: ToyWorld, *effects: Effect) -> list[str]:
        """While both services run: all is read, said and taken up, with these effects and no others."""
        try:
            await until(lambda: _drained(world), "everything is read, said and taken up", self.patience)
            standing = []
        except AssertionError:
            standing = ["the backlog does not drain"]
        return [
            *standing,
            *differences(await world.seen(), effects),
            *await breaches_of_engine(world),
            *await _breaches_of_topics(world),
        ]


async def publish_pages(bootstrap: str, service: str, pages: Sequence[Page]) -> None:
    """Puts pages into their topics, in this order."""
    async with producer(bootstrap) as kafka:
        for page in pages:
            for _, key, value, headers in page.records(f"/salur/{service}"):
                await kafka.send_and_wait(page.topic, value, key=key, headers=headers, partition=page.lane)


def differences(seen: Sequence[Effect], expected: Sequence[Effect]) -> list[str]:
    """Effects that are missing, those that are too many, and those that came in another order."""
    lost, surplus = Counter(expected) - Counter(seen), Counter(seen) - Counter(expected)
    if not lost and not surplus and list(seen) != list(expected):
        return [f"out of order: {seen}"]
    return [f"lost: {goal}, total {total}" for _, goal, total in lost] + [
        f"one too many: {goal}, total {total}" for _, goal, total in surplus
    ]


async def breaches_of_engine(world: ToyWorld) -> list[str]:
    """What always holds in the engine's tables; and nothing of the stories breaks a rule, so nothing is parked."""
    breaches = []
    for service in world.schemas:
        breaches += [f"parked: {row['reason']}" for row in await world.fetch(service, "select reason from parked")]
        connection = await world.open(service, "checks")
        for invariant in (*ENGINE_INVARIANTS, sealing_of(world.schemas[service]).invariant()):
            breaches += await breaches_of(connection, invariant)
        await connection.close()
    return breaches


async def _drained(world: ToyWorld) -> bool:
    """In the order in which a record goes its way, so that none is overlooked."""
    league, board = world.league.service, world.league.board_service
    if not await _is_read(world, league, world.league.requests):
        return False
    behind = await world.fetch(
        league,
        "select from publication join sequence using (topic, lane)"
        " where published < next_sequence - 1 or say_again_from is not null",
    )
    waiting = [row for service in world.schemas for row in await world.fetch(service, "select from waiting")]
    return not behind and not waiting and await _is_read(world, board, world.league.totals)


async def _is_read(world: ToyWorld, service: str, topic: str) -> bool:
    rows = await world.fetch(service, "select coalesce(sum(next_offset), 0)::int as read from position")
    return bool(rows[0]["read"] == await world.length(topic))


async def _breaches_of_topics(world: ToyWorld) -> list[str]:
    league = world.league.service
    pages = await events_of(world.connection(league), league)
    return await breaches_between(world.bootstrap, world.league.own_topics, pages, gap_free=True)
