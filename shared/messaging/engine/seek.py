"""Where reading goes on: asked at every assignment and in every new Postgres session, before anything is read."""

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
    """Tell where to go on in each partition, and which ones stand still until an operator says where to go on.

    `topic_ids`: of the topics in which that was found, and which alone are to be read on.
    """

    seeks: dict[TopicPartition, int]
    stopped: dict[TopicPartition, str]
    topic_ids: TopicIds


async def resolve_offsets(
    connection: Connection, inspector: TopicInspector, decoder: Decoder, places: Collection[TopicPartition]
) -> ResolvedOffsets:
    """Finds the positions of these partitions and checks that each topic is still the one that was read.

    Raises PositionMoved where one has moved meanwhile that this was about to stop or to move.
    """
    await positions_of.insert_missing(connection, places)
    positions = await positions_of.load(connection, places)
    # Asked first: what is compared below is compared in these, or not at all.
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
    """The offset to go on at, or the reason to stand still. It never skips by itself."""
    if position.stopped_reason is not None:
        return position.stopped_reason
    if changed or position.next_offset > end:
        return beginning if internal else TOPIC_CHANGED
    if position.next_offset < beginning:
        # At a gap nothing has an effect before the missing number comes, so nothing is lost by what is gone.
        return beginning if position.gap_since is not None else RETENTION
    return position.next_offset


async def changed_topics(
    inspector: TopicInspector, positions: Sequence[Position], ids: TopicIds = NO_IDS
) -> set[TopicPartition]:
    """The partitions in which another record stands where the last one was read.

    A batch that an earlier version took apart, and this one does not, cannot be compared with what was read of it.
    """
    known = {p.place: p for p in positions if p.last_offset is not None and p.stopped_reason is None}
    last = {place: position.last_offset for place, position in known.items() if position.last_offset is not None}
    beginnings = await inspector.beginnings(last)
    checkable = {place: offset for place, offset in last.items() if offset >= beginnings[place]}
    found = await inspector.records_at(checkable, ids)
    return {place for place in checkable if place not in found or not _is_last(found[place], known[place])}


def _is_last(found: Record, known: Position) -> bool:
    return found.digest() == known.last_digest or found.is_batch
