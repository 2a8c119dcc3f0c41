"""Batches: the records that have come on all partitions held, handled in one transaction with their positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import TopicPartition

from shared.contracts.topics import LANES
from shared.messaging.eras import Era, insert_eras
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.position import Cursor, Position, PositionMoved, SequenceCheck
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.deferral import DeferredRecord
from shared.messaging.transaction.dispatch import dispatch
from shared.messaging.transaction.lane import Lane
from shared.messaging.transaction.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order in which they are handled; `began` is where the fetch of each partition began."""

    items: Sequence[DecodedRecord]
    began: Mapping[TopicPartition, int]

    def lanes(self) -> set[int]:
        """Return the lanes the batch may write to: those of its messages, and of dead letters."""
        of_messages = {item.message.lane for item in self.items if item.message and item.message.lane is not None}
        return of_messages | {item.record.partition % LANES for item in self.items}

    def split(self, number: int) -> "tuple[Batch, Batch]":
        """Split off the first records; in each partition the others begin where these end."""
        first, others = self.items[:number], self.items[number:]
        reached = {item.record.place: item.record.offset + 1 for item in first if item.deferred_id is None}
        return Batch(first, self.began), Batch(others, {**self.began, **reached})


@dataclass(slots=True)
class BatchPlan:
    """The records of a batch that take effect now, those set aside, the moves of positions and the eras that begin.

    `paused` are the partitions that stand still, with the offsets at which they go on. `gaps` are the partitions in
    which a number is missing since this batch: their lanes stand still from there on.
    """

    effective: list[DecodedRecord] = field(default_factory=list)
    set_aside: list[DeferredRecord] = field(default_factory=list)
    moves: list[tuple[Position, Position]] = field(default_factory=list)
    eras: list[Era] = field(default_factory=list)
    paused: dict[TopicPartition, int] = field(default_factory=dict)
    gaps: set[TopicPartition] = field(default_factory=set)
    gaps_closed: bool = False

    def stops(self, lane: int, but: TopicPartition | None = None) -> bool:
        """Return True if this batch has found a gap in the lane, in another partition than `but`."""
        return bool(self.gaps) and any(gap.partition == lane and gap != but for gap in self.gaps)


async def handle(tx: Transaction, decoder: Decoder, batch: Batch) -> BatchPlan:
    """Handle a batch inside its transaction. Raise PositionMoved if it does not begin where reading stopped."""
    places = sorted({item.record.place for item in batch.items if item.deferred_id is None})
    positions = await positions_of.load(tx.connection, places)
    if len(positions) != len(places):
        raise PositionMoved
    batch_plan = filter_batch(batch, positions, tx.lanes, tx.now, decoder)
    if ids := [item.deferred_id for item in batch_plan.effective if item.deferred_id is not None]:
        await tx.deferrals.take_portion(ids)
    await dispatch(tx, decoder, batch_plan.effective)
    if batch_plan.set_aside:
        await tx.deferrals.set_aside(batch_plan.set_aside)
    await positions_of.advance(tx.connection, batch_plan.moves)
    await insert_eras(tx.connection, batch_plan.eras)
    return batch_plan


def filter_batch(
    batch: Batch,
    positions: Mapping[TopicPartition, Position],
    lanes: Mapping[int, Lane],
    now: datetime,
    decoder: Decoder,
) -> BatchPlan:
    """Plan a batch: drop records behind a position, find gaps, set aside records of lanes that stand still. Pure."""
    batch_plan = BatchPlan()
    cursors = {place: Cursor(position) for place, position in positions.items()}
    for item in batch.items:
        if item.deferred_id is not None:
            if lanes[item.sweep_lane].stopped_reason is None:
                batch_plan.effective.append(item)
            continue
        place = item.record.place
        cursor = cursors[place]
        if item.record.offset < cursor.next_offset or place in batch_plan.paused:
            continue
        internal = decoder.internal(place.topic)
        if _stands_still(cursor, lanes.get(place.partition) if internal else None) or (
            internal and batch_plan.stops(place.partition, but=place)
        ):
            batch_plan.paused[place] = cursor.next_offset
            continue
        if batch.began[place] > cursor.began_at.next_offset:
            raise PositionMoved
        cursor.read(item.record)
        if item.number is not None:
            _filter_internal(batch_plan, item, cursor, now)
        else:
            _filter_external(batch_plan, item, lanes)
    ends = [(cursor.began_at, cursor.position()) for cursor in cursors.values()]
    batch_plan.moves = [(began, end) for began, end in ends if end is not began]
    batch_plan.eras = [era for cursor in cursors.values() for era in cursor.begun]
    batch_plan.gaps_closed = any(began.gap_since and not end.gap_since for began, end in batch_plan.moves)
    return batch_plan


def _stands_still(cursor: Cursor, lane: Lane | None) -> bool:
    """Return True if a partition stands still; at a gap the topic that has it is read on, without effect."""
    if cursor.began_at.stopped_reason is not None:
        return True
    if lane is None or lane.stopped_reason is None:
        return False
    return lane.stopped_reason != "gap" or cursor.began_at.gap_since is None


def _filter_internal(batch_plan: BatchPlan, item: DecodedRecord, cursor: Cursor, now: datetime) -> None:
    """Take a number, or note a gap. An unreadable record is a gap, unless an operator has let it pass."""
    assert item.number is not None
    era, _, sequence = item.number
    match cursor.check_sequence(*item.number):
        case SequenceCheck.NEXT if item.refusal is None or cursor.pass_offset == item.record.offset:
            cursor.accept(era, sequence)
            batch_plan.effective.append(item)
        case SequenceCheck.NEXT:
            cursor.miss_unreadable(item.record, str(item.refusal), now)
        case SequenceCheck.GAP:
            cursor.pass_by(era, sequence, now)
        case SequenceCheck.DUPLICATE:
            return
    if cursor.gap_since is None:
        batch_plan.gaps.discard(item.record.place)
    elif cursor.began_at.gap_since is None:
        batch_plan.gaps.add(item.record.place)


def _filter_external(batch_plan: BatchPlan, item: DecodedRecord, lanes: Mapping[int, Lane]) -> None:
    lane = item.message.lane if item.message else None
    if lane is None or (lanes[lane].open and not batch_plan.stops(lane)):
        batch_plan.effective.append(item)
    else:
        batch_plan.set_aside.append(DeferredRecord(item.record, "lane", str(lane), lane, due=None))
