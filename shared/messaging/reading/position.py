"""Positions: the offset at which reading of each partition goes on. They are rows, and move with the effect."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from aiokafka import TopicPartition
from asyncpg import Connection

from shared.errors import SalurError
from shared.messaging.eras import Era
from shared.messaging.message import Record
from shared.messaging.queries import QUERIES
from shared.postgres.columns import columns

NOTHING_UNREADABLE: tuple[int | None, str | None] = (None, None)


class PositionMoved(SalurError):
    """A position or a deferred record is no longer as it was read: roll back and seek anew.

    Another process has read on, an operator has set the position, or the database is an older copy.
    """


@dataclass(frozen=True, slots=True)
class Position:
    """A row of `position`: the next offset of a partition, and the last number taken.

    `last_digest` is that of the record at `last_offset`. `gap_since` is set while the next number is missing. If a
    record with that number lies there and cannot be read, `unreadable_offset` and `unreadable_why` name it; at
    `pass_offset` an operator has let it pass: it is parked, and its number taken. `ahead_era` and `ahead_sequence` are
    the highest number that was read without effect during the gap.
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
    """The number of an internal record, compared with the last one taken."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    GAP = "gap"


class Cursor:
    """A position that advances through a batch, record by record. Mutable, since it is touched per record.

    `begun` are the eras that began on the way.
    """

    __slots__ = (
        "ahead",
        "began_at",
        "begun",
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
        self.begun: list[Era] = []
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
        """Compare a number with the last one taken.

        An older era is a duplicate. A newer one begins at its `era_first`, unless numbers before that are missing.
        """
        if era < self.era or (era == self.era and sequence <= self.last_sequence):
            return SequenceCheck.DUPLICATE
        if era == self.era:
            return SequenceCheck.NEXT if sequence == self.last_sequence + 1 else SequenceCheck.GAP
        begins = sequence == era_first and sequence <= self.last_sequence + 1
        return SequenceCheck.NEXT if begins else SequenceCheck.GAP

    def accept(self, era: int, sequence: int) -> None:
        """Take a number. A gap ends, and an unreadable record in it is forgotten."""
        if era != self.era:
            topic, partition = self.began_at.topic, self.began_at.partition
            self.begun.append(Era(topic, partition, era, sequence, follows=self.last_sequence))
        self.era, self.last_sequence = era, sequence
        self.gap_since, self.unreadable, self.pass_offset = None, NOTHING_UNREADABLE, None

    def miss(self, now: datetime) -> None:
        """Note that the next number is missing."""
        self.gap_since = self.gap_since or now

    def miss_unreadable(self, record: Record, why: str, now: datetime) -> None:
        """Note that the record with the next number cannot be read. The first such record is kept, to go back to."""
        self.miss(now)
        if self.unreadable == NOTHING_UNREADABLE:
            self.unreadable = (record.offset, why)

    def pass_by(self, era: int, sequence: int, now: datetime) -> None:
        """Note a number beyond a missing one: it has no effect now, and must be published again."""
        self.miss(now)
        self.ahead = max(self.ahead, (era, sequence))

    def position(self) -> Position:
        """Return the new position; the one it began at if nothing was read."""
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
    """Return the positions of these partitions, as far as they have a row."""
    rows = await connection.fetch(QUERIES["load_positions"], *columns(places, "topic", "partition"))
    return {TopicPartition(row["topic"], row["partition"]): Position(**row) for row in rows}


async def insert_missing(connection: Connection, places: Collection[TopicPartition]) -> None:
    """Insert positions at offset 0 for partitions that were never read."""
    await connection.execute(QUERIES["insert_positions"], *columns(places, "topic", "partition"))


async def advance(connection: Connection, moves: Sequence[tuple[Position, Position]]) -> None:
    """Move positions (from, to) by compare-and-set. Raise PositionMoved if one is no longer where it was."""
    if not moves:
        return
    new = [new for _, new in moves]
    rows = await connection.fetch(
        QUERIES["advance_positions"],
        *columns(new, "topic", "partition"),
        [old.next_offset for old, _ in moves],
        *columns(new, "next_offset", "era", "last_sequence", "last_offset", "last_digest", "gap_since"),
        *columns(new, "unreadable_offset", "unreadable_why", "pass_offset", "ahead_era", "ahead_sequence"),
    )
    if len(rows) != len(moves):
        raise PositionMoved


async def confirm(connection: Connection, place: TopicPartition, seen: int) -> None:
    """Lock a position to the end of the transaction. Raise PositionMoved unless it is still at `seen`."""
    await _where_seen(connection, "confirm_position", place, seen)


async def restart(connection: Connection, place: TopicPartition, seen: int, beginning: int) -> None:
    """Move a position to the beginning of its partition. Raise PositionMoved as `confirm` does."""
    await _where_seen(connection, "restart_position", place, seen, beginning)


async def stop(connection: Connection, place: TopicPartition, seen: int, reason: str) -> None:
    """Stop a partition until an operator sets its position. Raise PositionMoved as `confirm` does."""
    await _where_seen(connection, "stop_position", place, seen, reason)


async def _where_seen(connection: Connection, query: str, place: TopicPartition, *arguments: object) -> None:
    if not await connection.fetch(QUERIES[query], *place, *arguments):
        raise PositionMoved
