"""A fourth, small service that shows how the engine is used: a league that counts points and publishes totals.

Players and points come from outside, in any partition; the totals are read by a second service, the board.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from asyncpg import Connection
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.events import EventType
from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import lane_of
from shared.messaging.message import Message
from shared.messaging.transaction.subscription import Source, Subscription, Tail, Timer
from shared.messaging.transaction.transaction import Transaction


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PlayerRegistered(Strict):
    player: str
    shirt: str


class PointScored(Strict):
    player: str
    goal: str
    points: Annotated[int, Field(ge=1)]
    scored_at: AwareDatetime


class TotalReached(Strict):
    player: str
    goal: str
    total: int


TABLES = """
create table player (player text primary key, shirt text not null);
create table goal (
    goal text primary key, player text not null, points bigint not null, scored_at timestamptz not null);
create table seen (
    id bigint generated always as identity, player text not null, goal text not null, total bigint not null);
create table rung (lane smallint primary key, goals text[] not null);
create table adopted (topic text not null, lane smallint not null, goal text not null, whole boolean not null);
"""
TOY_TABLES = "player, goal, seen, adopted, rung"


@dataclass(frozen=True)
class League:
    """The toy's topics and events; names are unique to a test. `breaks_on` is a goal at which the handler fails."""

    suffix: str
    breaks_on: str = ""

    @property
    def requests(self) -> str:
        return f"requests-{self.suffix}"

    @property
    def totals(self) -> str:
        return f"totals-{self.suffix}"

    @property
    def registered(self) -> EventType[PlayerRegistered]:
        return EventType("toy.league.player_registered.v1", self.requests, PlayerRegistered, None)

    @property
    def scored(self) -> EventType[PointScored]:
        return EventType("toy.league.point_scored.v1", self.requests, PointScored, "scored_at")

    @property
    def reached(self) -> EventType[TotalReached]:
        return EventType("toy.league.total_reached.v1", self.totals, TotalReached, None)

    @property
    def service(self) -> str:
        return f"league-{self.suffix}"

    @property
    def board_service(self) -> str:
        return f"board-{self.suffix}"

    @property
    def own_topics(self) -> tuple[str, ...]:
        return (self.totals, f"dead-letters.{self.service}")

    def sources(self) -> tuple[Source, ...]:
        return (
            Source(
                self.requests,
                (
                    Subscription(self.registered, self.register, lambda data: lane_of(data.player)),
                    Subscription(
                        self.scored,
                        self.score,
                        lambda data: lane_of(data.player),
                        lambda data: ("player", data.player, ""),
                    ),
                ),
            ),
        )

    def board_sources(self) -> tuple[Source, ...]:
        return (Source(self.totals, (Subscription(self.reached, note_totals),), producer=self.service),)

    async def register(self, tx: Transaction, messages: Sequence[Message[PlayerRegistered]]) -> None:
        """Register players; a shirt belongs to one player only, in whatever lane."""
        owners = await tx.claim("shirt", {m.data.shirt: m.data.player for m in messages})
        for message in messages:
            if owners[message.data.shirt] != message.data.player:
                tx.park(message, ParkReason.CONFLICT, "/shirt")
                continue
            await tx.connection.execute(
                "insert into player values ($1, $2) on conflict do nothing",
                message.data.player,
                message.data.shirt,
            )
            tx.release("player", message.data.player)

    async def score(self, tx: Transaction, messages: Sequence[Message[PointScored]]) -> None:
        for message in messages:
            await self._score_one(tx, message)

    async def _score_one(self, tx: Transaction, message: Message[PointScored]) -> None:
        data = message.data
        if self.breaks_on and data.goal == self.breaks_on:
            raise AssertionError("the code is wrong about this goal")
        if not await tx.connection.fetchval("select true from player where player = $1", data.player):
            tx.defer(message, "player", data.player)
            return
        known = await tx.connection.fetchval(
            "insert into goal values ($1, $2, $3, $4) on conflict do nothing returning goal",
            data.goal, data.player, data.points, data.scored_at,
        )  # fmt: skip
        if known is None:
            return
        total = await tx.connection.fetchval("select sum(points)::bigint from goal where player = $1", data.player)
        reached = TotalReached(player=data.player, goal=data.goal, total=total)
        assert message.lane is not None
        tx.emit(self.reached, reached, lane=message.lane, key=data.player)


async def note_totals(tx: Transaction, messages: Sequence[Message[TotalReached]]) -> None:
    """Insert totals, deliberately without a business key: a repeat that takes effect shows as a second row."""
    await tx.connection.executemany(
        "insert into seen (player, goal, total) values ($1, $2, $3)",
        [(m.data.player, m.data.goal, m.data.total) for m in messages],
    )


async def adopt_totals(tx: Transaction, tail: Tail) -> None:
    for _, event in tail.events():
        reached = TotalReached.model_validate_json(event.data)
        row = (tail.topic, tail.lane, reached.goal, tail.whole)
        await tx.connection.execute("insert into adopted values ($1, $2, $3, $4)", *row)


async def join_players(tx: Transaction, lanes: Sequence[int]) -> int:
    """Release goals whose players are known by now; the process that knows a player need not hold its lane."""
    players = [row["player"] for row in await tx.connection.fetch("select player from player")]
    known = await tx.deferred_keys("player", lanes, players)
    for player in known:
        tx.release("player", player)
    return len(known)


JOINING = Timer("join_players", join_players, prevented_by=())


def closing_timer(closes_at: datetime) -> Timer:
    """Return a timer that removes players without a goal at a deadline."""

    async def close(tx: Transaction, lanes: Sequence[int]) -> int:
        if tx.watermark < closes_at:
            return 0
        idle = await tx.connection.fetch(
            "select player from player where not exists (select 1 from goal where goal.player = player.player)"
        )
        gone = [row["player"] for row in idle if lane_of(row["player"]) in lanes]
        await tx.connection.execute("delete from player where player = any($1::text[])", gone)
        return len(gone)

    return Timer("close", close)


def bell_timer(rings_at: datetime, *prevented_by: str) -> Timer:
    """Return a timer that rings once in each lane and notes which goals the board had seen by then."""

    async def ring(tx: Transaction, lanes: Sequence[int]) -> int:
        rung = {row["lane"] for row in await tx.connection.fetch("select lane from rung")}
        due = [lane for lane in lanes if lane not in rung and tx.watermark >= rings_at]
        seen = await tx.connection.fetch("select player, goal from seen order by id")
        for lane in due:
            goals = [row["goal"] for row in seen if lane_of(row["player"]) == lane]
            await tx.connection.execute("insert into rung values ($1, $2)", lane, goals)
        return len(due)

    return Timer("ring", ring, prevented_by or None)


async def goals(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch("select player, goal from goal order by player, goal")
    return [(row["player"], row["goal"]) for row in rows]
