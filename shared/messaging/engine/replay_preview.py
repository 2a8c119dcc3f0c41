"""The preview of a replay: parked records are handled in a transaction that the caller rolls back."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from shared.contracts.park_reasons import ParkReason
from shared.contracts.seals import KeyRing
from shared.messaging.engine.operations import requeue_parked
from shared.messaging.message import Record
from shared.messaging.reading.position import PositionMoved
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.batch import Batch, BatchPlan, handle
from shared.messaging.transaction.decoder import DecodedRecord
from shared.messaging.transaction.deferral import load_replayed
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.transaction import Transaction
from shared.postgres.failures import is_infrastructure, is_record_fault

DEAD_LETTERS = "dead-letters."


class ReplayPreview:
    """Counts of what would become of parked records, in words, and of the event types that would be published."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.emitted: Counter[str] = Counter()

    async def add(
        self, session: EngineSession, now: datetime, numbers: Sequence[int], vault: KeyRing, inspector: TopicInspector
    ) -> None:
        """Handle these records in one transaction. Raise Refused when none of them is open.

        The connection of `session` is inside a transaction that the caller rolls back.
        """
        rows, left = await requeue_parked(session.connection, now, numbers, vault, inspector)
        for why, unable in left.items():
            self.records[f"cannot be replayed: {why}"] += len(unable)
        keys = [str(row["id"]) for row in rows]
        deferred = await load_replayed(session.connection, keys)
        items = [session.decoder.decode_deferred(record, now, deferred_id) for deferred_id, record in deferred]
        items.sort(key=lambda item: session.decoder.order[item.record.topic])
        await self._try(session, items, now)

    async def _try(self, session: EngineSession, items: Sequence[DecodedRecord], now: datetime) -> None:
        """Handle records at once; where one of them fails, handle both halves of them, as the service does."""
        tried: list[tuple[Transaction, BatchPlan]] = []

        async def body(tx: Transaction) -> None:
            tried.append((tx, await handle(tx, session.decoder, batch)))

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

    def _count(self, items: Sequence[DecodedRecord], tx: Transaction, batch_plan: BatchPlan) -> None:
        parked = {_place(one.record): f"are parked as {_reason(one.reason, one.detail)}" for one in tx.parked}
        deferred = {_place(one.record): f"wait for {one.kind}" for one in tx.deferrals.records}
        effective = {item.deferred_id for item in batch_plan.effective}
        for item in items:
            if item.deferred_id not in effective:
                self.records["wait until their lane goes on"] += 1
            else:
                place = _place(item.record)
                self.records[parked.get(place) or deferred.get(place) or "take effect"] += 1
        for (topic, _), events in tx.emitted.items():
            if not topic.startswith(DEAD_LETTERS):
                self.emitted.update(event.type for event in events)


def _place(record: Record) -> tuple[str, int, int]:
    return (record.topic, record.partition, record.begins_at)


def _reason(reason: ParkReason, detail: str) -> str:
    return f"{reason.value} ({detail})" if detail else reason.value
