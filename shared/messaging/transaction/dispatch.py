"""Dispatch of messages to their handlers, causes before effects, with the messages that these release."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.messaging.message import Message
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.deferral import QueueKey
from shared.messaging.transaction.parking import ParkedRecord
from shared.messaging.transaction.subscription import Handler
from shared.messaging.transaction.transaction import Transaction


async def dispatch(tx: Transaction, decoder: Decoder, items: Sequence[DecodedRecord]) -> None:
    """Call the handlers in their order, again and again while messages are left.

    Messages that a handler releases are handled before newer ones by the handlers after it. Refused records are parked.
    A message is deferred behind older ones of its queue that are not handled yet.
    """
    pending = _Pending(tx, decoder)
    pending.add(await _queue_behind_older(tx, decoder, items))
    while pending or tx.deferrals.released:
        for handle in decoder.handlers:
            if tx.deferrals.released:
                pending.add_older(await _take_released(tx, decoder))
            if messages := pending.take(handle):
                await handle(tx, messages)


class _Pending:
    """The messages that are still to be handled, by handler."""

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
        """Take the messages of a handler, but defer those whose queue has older ones left."""
        items = self._items.pop(handle, [])
        if self._tx.deferrals.remaining:
            items = [item for item in items if not self._is_left_behind(item)]
        return [item.message for item in items if item.message is not None]

    def _is_left_behind(self, item: DecodedRecord) -> bool:
        found = _queue_key_of(self._decoder, item)
        if found is None or found[0] not in self._tx.deferrals.remaining:
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
    """Return the queue and owner of a message; None if it has no queue, or was just taken from it."""
    defers_on = decoder.defers_on(item.message) if item.message is not None else None
    if defers_on is None or item.deferred_on == defers_on[:2]:
        return None
    kind, key, owner = defers_on
    return QueueKey(item.lane, kind, key), owner


def _queue(tx: Transaction, item: DecodedRecord, queue: QueueKey, owner: str, *, released: bool = True) -> None:
    assert item.message is not None
    tx.defer(item.message, queue.kind, queue.key, owner=owner)
    if released:
        tx.deferrals.queued_behind.add((queue.kind, queue.key))


async def _queue_behind_older(
    tx: Transaction, decoder: Decoder, items: Sequence[DecodedRecord]
) -> Sequence[DecodedRecord]:
    """Defer messages behind older ones and return the others; normally no lane has a queue, and no query is made."""
    queues = {(number, kind) for number, lane in tx.lanes.items() for kind in lane.queues}
    if not queues:
        return items
    keys = [_queue_key_of(decoder, item) for item in items]
    asked = {found[0] for found in keys if found is not None and found[0][:2] in queues}
    if not asked:
        return items
    released = await tx.deferrals.load_queues(asked)
    going: list[DecodedRecord] = []
    for item, found in zip(items, keys, strict=True):
        if found is None or found[0] not in released:
            going.append(item)
        else:
            _queue(tx, item, *found, released=released[found[0]])
    return going


async def _take_released(tx: Transaction, decoder: Decoder) -> list[DecodedRecord]:
    taken = await tx.deferrals.take_released()
    return [decoder.decode_deferred(record, tx.now, deferred_on=key) for record, key in taken]
