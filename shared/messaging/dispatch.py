"""Hands understood messages to their handlers, causes before effects."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.messaging.intake import Intake, Item
from shared.messaging.lane import QUERIES
from shared.messaging.message import Message, Record, unpack
from shared.messaging.subscription import Handler
from shared.messaging.transaction import ParkedRecord, Transaction


async def dispatch(tx: Transaction, intake: Intake, items: Sequence[Item]) -> None:
    """One call per handler, in the order of the tables; refusals are parked."""
    by_handler: dict[Handler[Any], list[Message[Any]]] = {}
    for item in items:
        if item.refusal is not None:
            tx.parked.append(ParkedRecord(item.record, item.refusal.reason, item.refusal.detail, item.lane))
        elif item.message is not None:
            by_handler.setdefault(intake.handler(item.message), []).append(item.message)
    for handle in intake.handlers:
        if messages := by_handler.get(handle):
            await handle(tx, messages)


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
            tx.waiting_in_all -= len(rows)
        await tx.connection.execute(QUERIES["hand_over_waiting"], kinds, keys)
        rows.sort(key=lambda row: row["id"])
        records = [unpack(row["record"]) for row in rows] + _woken_at_once(tx, set(woken), hand_over=hand_over)
        await dispatch(tx, intake, [intake.understand_again(record, now) for record in records])


def _woken_at_once(tx: Transaction, woken: set[tuple[str, str]], *, hand_over: bool) -> list[Record]:
    """What began to wait in this very transaction is not in the table yet, and nobody will wake it again."""
    found = [waiting for waiting in tx.waiting if (waiting.kind, waiting.key) in woken]
    tx.waiting = [waiting for waiting in tx.waiting if (waiting.kind, waiting.key) not in woken]
    if hand_over:
        tx.waiting += [replace(waiting, kind="replay") for waiting in found]
        return []
    return [waiting.record for waiting in found]
