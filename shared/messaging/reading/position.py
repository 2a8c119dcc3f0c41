"""Positions: where a service stopped reading each partition. They live in Postgres and move with the effect."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from aiokafka import TopicPartition
from asyncpg import Connection

from shared.messaging.message import Record
from shared.messaging.queries import QUERIES

NOTHING_UNREADABLE: tuple[int | None, str | None] = (None, None)


class PositionMoved(Exception):
    """Another process has read here meanwhile, an operator has said where to go on, or the database went back.

    What was decided by the position as it was is void: seek again.
    """


@dataclass(frozen=True, slots=True)
class Position:
    """`last_digest` tells the record at `last_offset`; `gap_since` says that a number is missing.

    `unreadable_offset` is where a record with that number lies that could not be read, and `unreadable_why` the reason;
    at `pass_offset` an operator has let it pass: it is parked, and its number taken. `ahead_era` and `ahead_sequence`:
    the highest number that was passed by without effect since one was missing.
    """

    topic: str
    partition: int
    next_offset: int = 0
    era: int = 0
    last_sequence: int = 0
    last_offset: int | None = None
    last_digest: bytes | None = None
    gap_since: datetime | None = None
    stopped_reason: str | None = None
    unreadable_offset: int | None = None
    unreadable_why: str | None = None
    pass_offset: int | None = None
    ahead_era: int = 0
    ahead_sequence: int = 0

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)


class SequenceCheck(Enum):
    """How an internal record stands to what has been read."""

    NEXT = "next"
    DUPLICATE = "repeat"
    GAP = "ahead"


class Cursor:
    """A position on its way through a batch. It begins where reading stopped and is turned into the next position."""

    __slots__ = (
        "ahead",
        "began_at",
        "era",
        "gap_since",
        "last_record",
        "last_sequence",
        "next_offset",
        "pass_offset",
        "unreadable",
    )

    def __init__(self, position: Position) -> None:
        self.began_at = position
        self.next_offset = position.next_offset
        self.era = position.era
        self.last_sequence = position.last_sequence
        self.gap_since = position.gap_since
        self.unreadable = (position.unreadable_offset, position.unreadable_why)
        self.pass_offset = position.pass_offset
        self.ahead = (position.ahead_era, position.ahead_sequence)
        self.last_record: Record | None = None

    def read(self, record: Record) -> None:
        self.next_offset = record.offset + 1
        self.last_record = record

    def check_sequence(self, era: int, era_first: int, sequence: int) -> SequenceCheck:
        """An older era is dropped, a newer one accepted at its stated first sequence if that is not beyond last + 1."""
        if era < self.era or (era == self.era and sequence <= self.last_sequence):
            return SequenceCheck.DUPLICATE
        if era == self.era:
            return SequenceCheck.NEXT if sequence == self.last_sequence + 1 else SequenceCheck.GAP
        begins = sequence == era_first and sequence <= self.last_sequence + 1
        return SequenceCheck.NEXT if begins else SequenceCheck.GAP

    def accept(self, era: int, sequence: int) -> None:
        """Take a number. A gap ends, and with it what is known of a record that could not be read."""
        self.era, self.last_sequence = era, sequence
        self.gap_since, self.unreadable, self.pass_offset = None, NOTHING_UNREADABLE, None

    def miss(self, now: datetime) -> None:
        """Note that the next number is not there."""
        self.gap_since = self.gap_since or now

    def miss_unreadable(self, record: Record, why: str, now: datetime) -> None:
        """Note that the next number is there and cannot be read. The first such record is the one gone back to."""
        self.miss(now)
        if self.unreadable == NOTHING_UNREADABLE:
            self.unreadable = (record.offset, why)

    def pass_by(self, era: int, sequence: int, now: datetime) -> None:
        """Read on without effect, since a number before this one is missing; it will have to be said again."""
        self.miss(now)
        self.ahead = max(self.ahead, (era, sequence))

    def position(self) -> Position:
        """Where reading stopped now; the very position it began at when nothing was read."""
        if self.last_record is None:
            return self.began_at
        return replace(
            self.began_at,
            next_offset=self.next_offset,
            era=self.era,
            last_sequence=self.last_sequence,
            gap_since=self.gap_since,
            unreadable_offset=self.unreadable[0],
            unreadable_why=self.unreadable[1],
            pass_offset=self.pass_offset,
            ahead_era=self.ahead[0],
            ahead_sequence=self.ahead[1],
            last_offset=self.last_record.offset,
            last_digest=self.last_record.digest(),
        )


async def load(connection: Connection, places: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
    """The positions of these partitions; one never read begins at 0."""
    topics, partitions = [place.topic for place in places], [place.partition for place in places]
    rows = await connection.fetch(QUERIES["load_positions"], topics, partitions)
    return {TopicPartition(row["topic"], row["partition"]): Position(**row) for row in rows}


async def insert_missing(connection: Connection, places: Collection[TopicPartition]) -> None:
    topics, partitions = [place.topic for place in places], [place.partition for place in places]
    await connection.execute(QUERIES["insert_positions"], topics, partitions)


async def advance(connection: Connection, moves: Sequence[tuple[Position, Position]]) -> None:
    """Moves positions (from, to) by compare-and-set; raises PositionMoved when one is no longer where it was."""
    if not moves:
        return
    rows = await connection.fetch(
        QUERIES["advance_positions"],
        [new.topic for _, new in moves],
        [new.partition for _, new in moves],
        [old.next_offset for old, _ in moves],
        [new.next_offset for _, new in moves],
        [new.era for _, new in moves],
        [new.last_sequence for _, new in moves],
        [new.last_offset for _, new in moves],
        [new.last_digest for _, new in moves],
        [new.gap_since for _, new in moves],
        [new.unreadable_offset for _, new in moves],
        [new.unreadable_why for _, new in moves],
        [new.pass_offset for _, new in moves],
        [new.ahead_era for _, new in moves],
        [new.ahead_sequence for _, new in moves],
    )
    if len(rows) != len(moves):
        raise PositionMoved


async def confirm(connection: Connection, place: TopicPartition, seen: int) -> None:
    """Hold a position to the end of the transaction; raises PositionMoved unless reading still goes on at `seen`."""
    await _where_seen(connection, "confirm_position", place, seen)


async def restart(connection: Connection, place: TopicPartition, seen: int, beginning: int) -> None:
    """Let reading go on at the beginning of the partition; raises PositionMoved as `confirm` does."""
    await _where_seen(connection, "restart_position", place, seen, beginning)


async def stop(connection: Connection, place: TopicPartition, seen: int, reason: str) -> None:
    """Let nothing be read until an operator says where to go on; raises PositionMoved as `confirm` does."""
    await _where_seen(connection, "stop_position", place, seen, reason)


async def _where_seen(connection: Connection, query: str, place: TopicPartition, *arguments: object) -> None:
    if not await connection.fetch(QUERIES[query], *place, *arguments):
        raise PositionMoved
