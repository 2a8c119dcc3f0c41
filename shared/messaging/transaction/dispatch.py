"""Hands understood messages to their handlers, causes before effects, and takes up what they wake, in order."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.contracts.topics import LANES
from shared.messaging.message import Message, unpack
from shared.messaging.queries import QUERIES
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.subscription import Handler
from shared.messaging.transaction.transaction import ParkedRecord, QueueKey, Transaction


async def dispatch(tx: Transaction, decoder: Decoder, items: Sequence[DecodedRecord]) -> None:
    """Call each handler in the order of the tables; what one wakes comes before the newer messages of those after it.

    Refusals are parked. A message queues behind older ones that wait in its lane for the same and are to be taken up.
    """
    pending = _Pending(tx, decoder)
    pending.add(await _queue_behind_older(tx, decoder, items))
    while pending or tx.released:
        for handle in decoder.handlers:
            if tx.released:
                pending.add_older(await _take_released(tx, decoder))
            if messages := pending.take(handle):
                await handle(tx, messages)


class _Pending:
    """Messages on their way to their handlers."""

    def __init__(self, tx: Transaction, decoder: Decoder) -> None:
        self._tx = tx
        self._decoder = decoder
        self._items: dict[Handler[Any], list[DecodedRecord]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, items: Iterable[DecodedRecord]) -> None:
        for handle, of_handler in self._sorted(items).items():
            self._items.setdefault(handle, []).extend(of_handler)

    def add_older(self, items: Iterable[DecodedRecord]) -> None:
        for handle, of_handler in self._sorted(items).items():
            self._items[handle] = of_handler + self._items.get(handle, [])

    def take(self, handle: Handler[Any]) -> list[Message[Any]]:
        """Return the messages for a handler, but for those that queue behind what this transaction has left."""
        items = self._items.pop(handle, [])
        if self._tx.remaining:
            items = [item for item in items if not self._is_left_behind(item)]
        return [item.message for item in items if item.message is not None]

    def _is_left_behind(self, item: DecodedRecord) -> bool:
        found = _queue_key_of(self._decoder, item)
        if found is None or found[0] not in self._tx.remaining:
            return False
        _queue(self._tx, item, *found)
        return True

    def _sorted(self, items: Iterable[DecodedRecord]) -> dict[Handler[Any], list[DecodedRecord]]:
        found: dict[Handler[Any], list[DecodedRecord]] = {}
        for item in items:
            if item.refusal is not None:
                self._tx.parked.append(ParkedRecord(item.record, item.refusal.reason, item.refusal.detail, item.lane))
            elif item.message is not None:
                found.setdefault(self._decoder.handler(item.message), []).append(item)
        return found


def _queue_key_of(decoder: Decoder, item: DecodedRecord) -> tuple[QueueKey, str] | None:
    """Return where a message has to queue, and whose bound it counts against; None if it has queued there already."""
    defers_on = decoder.defers_on(item.message) if item.message is not None else None
    if defers_on is None or item.deferred_on == defers_on[:2]:
        return None
    kind, key, owner = defers_on
    return (item.lane, kind, key), owner


def _queue(tx: Transaction, item: DecodedRecord, place: QueueKey, owner: str, *, marked: bool = True) -> None:
    _, kind, key = place
    assert item.message is not None
    tx.defer(item.message, kind, key, owner=owner)
    if marked:
        tx.queued_behind.add((kind, key))


async def _queue_behind_older(
    tx: Transaction, decoder: Decoder, items: Sequence[DecodedRecord]
) -> Sequence[DecodedRecord]:
    """Set aside what has to queue behind older records; normally no lane has a queue, and nothing is asked."""
    queues = {(number, kind) for number, lane in tx.lanes.items() for kind in lane.queues}
    if not queues:
        return items
    places = [_queue_key_of(decoder, item) for item in items]
    asked = list({found[0] for found in places if found is not None and found[0][:2] in queues})
    if not asked:
        return items
    rows = await tx.connection.fetch(QUERIES["load_queued"], *([place[n] for place in asked] for n in range(3)))
    queued = {(row["lane"], row["kind"], row["key"]): row["marked"] for row in rows}
    going: list[DecodedRecord] = []
    for item, found in zip(items, places, strict=True):
        if found is None or found[0] not in queued:
            going.append(item)
        else:
            _queue(tx, item, *found, marked=queued[found[0]])
    return going


async def _take_released(tx: Transaction, decoder: Decoder) -> list[DecodedRecord]:
    """Take up a portion of what waits under the keys just woken; the rest, and other lanes', is left to the sweeps."""
    # Sorted, so that two processes that mark the same do not wait for each other in a ring.
    released = sorted(tx.released)
    tx.released.clear()
    kinds, keys = [kind for kind, _ in released], [key for _, key in released]
    rows = []
    if tx.release_budget.records > 0:
        lanes, room = list(tx.lanes), tx.release_budget
        rows = await tx.connection.fetch(QUERIES["take_deferred"], kinds, keys, lanes, room.records, room.size)
        room.take([row["record"] for row in rows])
        tx.deferred_count -= len(rows)
    left = await tx.connection.fetch(QUERIES["mark_released"], kinds, keys, LANES - 1)
    tx.remaining |= {(row["lane"], row["kind"], row["key"]) for row in left}
    rows.sort(key=lambda row: row["id"])
    items = [
        decoder.decode_deferred(unpack(row["record"]), tx.now, deferred_on=(row["kind"], row["key"])) for row in rows
    ]
    return items + _released_at_once(tx, decoder, set(released))


def _released_at_once(tx: Transaction, decoder: Decoder, released: set[tuple[str, str]]) -> list[DecodedRecord]:
    """Take up what began to wait in this very transaction, unless it queues behind others or there is no room."""
    found, others = [], []
    for deferred in tx.deferred:
        if (deferred.kind, deferred.key) not in released:
            others.append(deferred)
        elif tx.release_budget.records > 0 and (deferred.lane, deferred.kind, deferred.key) not in tx.remaining:
            found.append(deferred)
        else:
            others.append(deferred)
            tx.queued_behind.add((deferred.kind, deferred.key))
    tx.deferred = others
    return [
        decoder.decode_deferred(waiting.record, tx.now, deferred_on=(waiting.kind, waiting.key)) for waiting in found
    ]
