"""Hands understood messages to their handlers, causes before effects, and takes up what they wake, in order."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.contracts.topics import LANES
from shared.messaging.intake import Intake, Item
from shared.messaging.lane import QUERIES
from shared.messaging.message import Message, unpack
from shared.messaging.subscription import Handler
from shared.messaging.transaction import ParkedRecord, Place, Transaction


async def dispatch(tx: Transaction, intake: Intake, items: Sequence[Item]) -> None:
    """Call each handler in the order of the tables; what one wakes comes before the newer messages of those after it.

    Refusals are parked. A message queues behind older ones that wait in its lane for the same and are to be taken up.
    """
    pending = _Pending(tx, intake)
    pending.add(await _behind_none(tx, intake, items))
    while pending or tx.woken:
        for handle in intake.handlers:
            if tx.woken:
                pending.add_older(await _take_woken(tx, intake))
            if messages := pending.take(handle):
                await handle(tx, messages)


class _Pending:
    """Messages on their way to their handlers."""

    def __init__(self, tx: Transaction, intake: Intake) -> None:
        self._tx = tx
        self._intake = intake
        self._items: dict[Handler[Any], list[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, items: Iterable[Item]) -> None:
        for handle, of_handler in self._sorted(items).items():
            self._items.setdefault(handle, []).extend(of_handler)

    def add_older(self, items: Iterable[Item]) -> None:
        for handle, of_handler in self._sorted(items).items():
            self._items[handle] = of_handler + self._items.get(handle, [])

    def take(self, handle: Handler[Any]) -> list[Message[Any]]:
        """Return the messages for a handler, but for those that queue behind what this transaction has left."""
        items = self._items.pop(handle, [])
        if self._tx.left:
            items = [item for item in items if not self._is_left_behind(item)]
        return [item.message for item in items if item.message is not None]

    def _is_left_behind(self, item: Item) -> bool:
        found = _place_of(self._intake, item)
        if found is None or found[0] not in self._tx.left:
            return False
        _queue(self._tx, item, *found)
        return True

    def _sorted(self, items: Iterable[Item]) -> dict[Handler[Any], list[Item]]:
        found: dict[Handler[Any], list[Item]] = {}
        for item in items:
            if item.refusal is not None:
                self._tx.parked.append(ParkedRecord(item.record, item.refusal.reason, item.refusal.detail, item.lane))
            elif item.message is not None:
                found.setdefault(self._intake.handler(item.message), []).append(item)
        return found


def _place_of(intake: Intake, item: Item) -> tuple[Place, str] | None:
    """Return where a message has to queue, and whose bound it counts against; None if it has queued there already."""
    waits_for = intake.waits_for(item.message) if item.message is not None else None
    if waits_for is None or item.waited_for == waits_for[:2]:
        return None
    kind, key, owner = waits_for
    return (item.lane, kind, key), owner


def _queue(tx: Transaction, item: Item, place: Place, owner: str, *, marked: bool = True) -> None:
    _, kind, key = place
    assert item.message is not None
    tx.wait(item.message, kind, key, owner=owner)
    if marked:
        tx.behind.add((kind, key))


async def _behind_none(tx: Transaction, intake: Intake, items: Sequence[Item]) -> Sequence[Item]:
    """Set aside what has to queue behind older records; normally no lane has a queue, and nothing is asked."""
    queues = {(number, kind) for number, lane in tx.lanes.items() for kind in lane.queues}
    if not queues:
        return items
    places = [_place_of(intake, item) for item in items]
    asked = list({found[0] for found in places if found is not None and found[0][:2] in queues})
    if not asked:
        return items
    rows = await tx.connection.fetch(QUERIES["load_queued"], *([place[n] for place in asked] for n in range(3)))
    queued = {(row["lane"], row["kind"], row["key"]): row["marked"] for row in rows}
    going: list[Item] = []
    for item, found in zip(items, places, strict=True):
        if found is None or found[0] not in queued:
            going.append(item)
        else:
            _queue(tx, item, *found, marked=queued[found[0]])
    return going


async def _take_woken(tx: Transaction, intake: Intake) -> list[Item]:
    """Take up a portion of what waits under the keys just woken; the rest, and other lanes', is left to the sweeps."""
    # Sorted, so that two processes that mark the same do not wait for each other in a ring.
    woken = sorted(tx.woken)
    tx.woken.clear()
    kinds, keys = [kind for kind, _ in woken], [key for _, key in woken]
    rows = []
    if tx.room.records > 0:
        lanes, room = list(tx.lanes), tx.room
        rows = await tx.connection.fetch(QUERIES["take_waiting"], kinds, keys, lanes, room.records, room.size)
        room.take([row["record"] for row in rows])
        tx.waiting_in_all -= len(rows)
    left = await tx.connection.fetch(QUERIES["mark_woken"], kinds, keys, LANES - 1)
    tx.left |= {(row["lane"], row["kind"], row["key"]) for row in left}
    rows.sort(key=lambda row: row["id"])
    items = [
        intake.understand_again(unpack(row["record"]), tx.now, waited_for=(row["kind"], row["key"])) for row in rows
    ]
    return items + _woken_at_once(tx, intake, set(woken))


def _woken_at_once(tx: Transaction, intake: Intake, woken: set[tuple[str, str]]) -> list[Item]:
    """Take up what began to wait in this very transaction, unless it queues behind others or there is no room."""
    found, others = [], []
    for waiting in tx.waiting:
        if (waiting.kind, waiting.key) not in woken:
            others.append(waiting)
        elif tx.room.records > 0 and (waiting.lane, waiting.kind, waiting.key) not in tx.left:
            found.append(waiting)
        else:
            others.append(waiting)
            tx.behind.add((waiting.kind, waiting.key))
    tx.waiting = others
    return [
        intake.understand_again(waiting.record, tx.now, waited_for=(waiting.kind, waiting.key)) for waiting in found
    ]
