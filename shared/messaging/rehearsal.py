"""Rehearse a replay: hand parked records to their handlers in a transaction that the caller takes back."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from shared.contracts.reasons import ParkReason
from shared.contracts.sealed import KeyRing
from shared.messaging.batch import Batch, Sifted, handle
from shared.messaging.intake import Item
from shared.messaging.lane import QUERIES
from shared.messaging.message import Record, unpack
from shared.messaging.operations import hand_back
from shared.messaging.position import PositionMoved
from shared.messaging.session import Session
from shared.messaging.topics import Topics
from shared.messaging.transaction import Transaction
from shared.postgres.failures import is_infrastructure, is_record_fault

DEAD_LETTERS = "dead-letters."


class Rehearsal:
    """Count what would become of parked records, and what would be announced, by its words."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.announced: Counter[str] = Counter()

    async def add(
        self, session: Session, now: datetime, numbers: Sequence[int], vault: KeyRing, topics: Topics
    ) -> None:
        """Try these records at once. Raises Refused when none is open.

        `session` is of a connection inside a transaction that the caller rolls back.
        """
        rows, lost = await hand_back(session.connection, now, numbers, vault, topics)
        if lost:
            self.records["cannot be replayed: they are kept in part only, and not to be had from Kafka"] += len(lost)
        keys = [str(row["id"]) for row in rows]
        waiting = await session.connection.fetch(QUERIES["load_replayed"], keys)
        items = [session.intake.understand_again(unpack(row["record"]), now, row["id"]) for row in waiting]
        items.sort(key=lambda item: session.intake.order[item.record.topic])
        await self._try(session, items, now)

    async def _try(self, session: Session, items: Sequence[Item], now: datetime) -> None:
        """Try records at once; those among which one fails are tried in halves, as the service does."""
        tried: list[tuple[Transaction, Sifted]] = []

        async def body(tx: Transaction) -> None:
            tried.append((tx, await handle(tx, session.intake, batch)))

        batch = Batch(items, {})
        try:
            await session.transact(batch.lanes(), body, now=now)
        except Exception as error:
            if is_infrastructure(error) or isinstance(error, PositionMoved):
                raise
            if len(items) == 1:
                fault = is_record_fault(error)
                words = f"are parked as {ParkReason.INVALID_FIELD.value}" if fault else "would stop their lane"
                self.records[f"{words}: {type(error).__name__}"] += 1
                return
            half = len(items) // 2
            await self._try(session, items[:half], now)
            await self._try(session, items[half:], now)
            return
        (outcome,) = tried
        self._count(items, *outcome)

    def _count(self, items: Sequence[Item], tx: Transaction, sifted: Sifted) -> None:
        parked = {_place(one.record): f"are parked as {_reason(one.reason, one.detail)}" for one in tx.parked}
        waiting = {_place(one.record): f"wait for {one.kind}" for one in tx.waiting}
        effective = {item.waiting_id for item in sifted.effective}
        for item in items:
            if item.waiting_id not in effective:
                self.records["wait until their lane goes on"] += 1
            else:
                place = _place(item.record)
                self.records[parked.get(place) or waiting.get(place) or "are taken in"] += 1
        for (topic, _), events in tx.announced.items():
            if not topic.startswith(DEAD_LETTERS):
                self.announced.update(event.type for event in events)


def _place(record: Record) -> tuple[str, int, int]:
    return (record.topic, record.partition, record.begins_at)


def _reason(reason: ParkReason, detail: str) -> str:
    return f"{reason.value} ({detail})" if detail else reason.value
