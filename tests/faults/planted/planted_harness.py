"""Harness for planted bugs: servers, and the checks of the fault tests on the toy services."""

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
    """One broker and one database server; `patience` is the seconds after which a missing event is a breach."""

    kafka: KafkaServer
    postgres: PostgresServer
    patience: float

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Make a fresh database, since a bug may be in its schema."""
        fresh = await self.postgres.fresh_database()
        try:
            yield fresh
        finally:
            await self.postgres.drop(fresh)

    @asynccontextmanager
    async def toy(self) -> AsyncIterator[ToyWorld]:
        """Run toy services, league and board, with their own topics and schemas."""
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
        """Wait until both services have read, published and released everything; report breaches and wrong effects."""
        try:
            await until(lambda: _drained(world), "everything is read, published and released", self.patience)
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
    """Publish pages to their topics in this order."""
    async with producer(bootstrap) as kafka:
        for page in pages:
            for _, key, value, headers in page.records(f"/salur/{service}"):
                await kafka.send_and_wait(page.topic, value, key=key, headers=headers, partition=page.lane)


def differences(seen: Sequence[Effect], expected: Sequence[Effect]) -> list[str]:
    """Report missing, surplus and reordered effects."""
    lost, surplus = Counter(expected) - Counter(seen), Counter(seen) - Counter(expected)
    if not lost and not surplus and list(seen) != list(expected):
        return [f"out of order: {seen}"]
    return [f"lost: {goal}, total {total}" for _, goal, total in lost] + [
        f"one too many: {goal}, total {total}" for _, goal, total in surplus
    ]


async def breaches_of_engine(world: ToyWorld) -> list[str]:
    """Check the engine's invariants, and that nothing was parked."""
    breaches = []
    for service in world.schemas:
        breaches += [f"parked: {row['reason']}" for row in await world.fetch(service, "select reason from parked")]
        connection = await world.open(service, "checks")
        for invariant in (*ENGINE_INVARIANTS, sealing_of(world.schemas[service]).invariant()):
            breaches += await breaches_of(connection, invariant)
        await connection.close()
    return breaches


async def _drained(world: ToyWorld) -> bool:
    """Check along the way that a record takes, so that none is overlooked."""
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
