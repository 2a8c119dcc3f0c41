"""Hands understood messages to their handlers, causes before effects."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.messaging.intake import Intake, Item
from shared.messaging.lane import QUERIES
from shared.messaging.message import Message, Record, unpack
from shared.messaging.transaction import ParkedRecord, Transaction


async def dispatch(tx: Transaction, intake: Intake, items: Sequence[Item]) -> None:
    """One call per subscription, in the order of the tables; refusals are parked."""
    by_subscription: dict[tuple[str, str], list[Message[object]]] = {}
    for item in items:
        if item.refusal is not None:
            lane = item.message.lane if item.message else None
            tx.parked.append(ParkedRecord(item.record, item.refusal.reason, item.refusal.detail, lane))
        elif item.message is not None:
            place = (item.record.topic, item.message.type)
            by_subscription.setdefault(place, []).append(item.message)
    for source in intake.sources.values():
        for subscription in source.subscriptions:
            messages = by_subscription.get((source.topic, subscription.event.name))
            if messages and subscription.handle is not None:
                await subscription.handle(tx, messages)


async def dispatch_woken(tx: Transaction, intake: Intake, now: datetime, *, hand_over: bool) -> None:
    """Takes up what was woken, and what that wakes in turn, until nothing is left.

    Records of lanes not locked here, or all of them when `hand_over`, are left to their lane's sweep.
    """
    while tx.woken:
        woken, rows = list(tx.woken), []
        tx.woken.clear()
        kinds, keys = [kind for kind, _ in woken], [key for _, key in woken]
        if not hand_over:
            rows = await tx.connection.fetch(QUERIES["take_waiting"], kinds, keys, list(tx.lanes))
        await tx.connection.execute(QUERIES["hand_over_waiting"], kinds, keys)
        rows.sort(key=lambda row: row["id"])
        records = [unpack(row["record"]) for row in rows] + _woken_at_once(tx, set(woken), hand_over=hand_over)
        await dispatch(tx, intake, [intake.understand(record, now) for record in records])


def _woken_at_once(tx: Transaction, woken: set[tuple[str, str]], *, hand_over: bool) -> list[Record]:
    """What began to wait in this very transaction is not in the table yet, and nobody will wake it again."""
    found = [waiting for waiting in tx.waiting if (waiting.kind, waiting.key) in woken]
    tx.waiting = [waiting for waiting in tx.waiting if (waiting.kind, waiting.key) not in woken]
    if hand_over:
        tx.waiting += [replace(waiting, kind="replay") for waiting in found]
        return []
    return [waiting.record for waiting in found]
