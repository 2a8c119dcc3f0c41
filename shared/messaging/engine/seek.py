"""The offsets at which reading goes on, resolved before anything is read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from asyncpg import Connection

from shared.messaging.message import Record
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.position import Position
from shared.messaging.reading.topic_ids import NO_IDS, TopicIds
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.decoder import Decoder

TOPIC_CHANGED = "topic_changed"
RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class ResolvedOffsets:
    """The offset to go on at in each partition, or the reason why it stands still until an operator sets its position.

    `topic_ids` are those of the topics that were looked at; no others of the same names may be read.
    """

    seeks: dict[TopicPartition, int]
    stopped: dict[TopicPartition, str]
    topic_ids: TopicIds


async def resolve_offsets(
    connection: Connection, inspector: TopicInspector, decoder: Decoder, places: Collection[TopicPartition]
) -> ResolvedOffsets:
    """Find the positions of these partitions and check that each topic is still the one that was read.

    Raise PositionMoved where a position that was to be stopped or moved has itself been moved meanwhile.
    """
    await positions_of.insert_missing(connection, places)
    positions = await positions_of.load(connection, places)
    # Asked first: records are compared in the topics with these ids, or not at all.
    ids = await inspector.ids({place.topic for place in places})
    beginnings, ends = await inspector.beginnings(places), await inspector.ends(places)
    changed = await changed_topics(inspector, list(positions.values()), ids)
    resolved = ResolvedOffsets({}, {}, ids)
    for place, position in positions.items():
        outcome = _resolve_offset(
            position, beginnings[place], ends[place], place in changed, decoder.internal(place.topic)
        )
        if isinstance(outcome, int):
            resolved.seeks[place] = outcome
            if outcome != position.next_offset:
                await positions_of.restart(connection, place, position.next_offset, outcome)
        else:
            resolved.stopped[place] = outcome
            if position.stopped_reason is None:
                await positions_of.stop(connection, place, position.next_offset, outcome)
    return resolved


def _resolve_offset(position: Position, beginning: int, end: int, changed: bool, internal: bool) -> int | str:
    """Return the offset to go on at, or the reason to stand still. No record is ever skipped."""
    if position.stopped_reason is not None:
        return position.stopped_reason
    if changed or position.next_offset > end:
        return beginning if internal else TOPIC_CHANGED
    if position.next_offset < beginning:
        # At a gap no record has an effect before the missing number comes, so nothing is lost with those that are gone.
        return beginning if position.gap_since is not None else RETENTION
    return position.next_offset


async def changed_topics(
    inspector: TopicInspector, positions: Sequence[Position], ids: TopicIds = NO_IDS
) -> set[TopicPartition]:
    """Return the partitions that hold another record at the offset of the one read last.

    A record batch that an earlier version unpacked, and this one hands out whole, is not compared.
    """
    known = {p.place: p for p in positions if p.last_offset is not None and p.stopped_reason is None}
    last = {place: position.last_offset for place, position in known.items() if position.last_offset is not None}
    beginnings = await inspector.beginnings(last)
    checkable = {place: offset for place, offset in last.items() if offset >= beginnings[place]}
    found = await inspector.records_at(checkable, ids)
    return {place for place in checkable if place not in found or not _is_last(found[place], known[place])}


def _is_last(found: Record, known: Position) -> bool:
    return found.digest() == known.last_digest or found.is_batch
