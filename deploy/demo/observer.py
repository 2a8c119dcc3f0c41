"""Watches Salur from outside, as anyone may who listens to its topics."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, LANES, PAYMENT_EVENTS, SERVICES, dead_letters

EntitlementKey = tuple[str, str]


@dataclass(slots=True)
class Observed:
    """What has been said so far. A right is (redeem code, benefit)."""

    admitted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    enrolled: set[str] = field(default_factory=set)
    rejected: dict[str, str] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    expired: dict[str, str] = field(default_factory=dict)
    states: dict[EntitlementKey, str] = field(default_factory=dict)
    reasons: dict[EntitlementKey, str] = field(default_factory=dict)
    amounts: dict[EntitlementKey, int] = field(default_factory=dict)
    references: dict[str, EntitlementKey] = field(default_factory=dict)
    held_for: Counter[str] = field(default_factory=Counter)
    parked_at: dict[tuple[str, int, int], str] = field(default_factory=dict)
    event_count: int = 0

    @property
    def parked(self) -> Counter[str]:
        """Records parked, by reason. After a restore the same record may be pointed out once more."""
        return Counter(self.parked_at.values())

    def count(self, benefit: str, state: str) -> int:
        return sum(1 for (_, of), now in self.states.items() if of == benefit and now == state)


class TopicObserver:
    """Reads the services' topics from their beginnings, as the contract says: repeats are told by era and sequence, and
    where a number is missing what follows is not believed until it has turned up.
    """

    def __init__(self, bootstrap: str) -> None:
        self.seen = Observed()
        self._bootstrap = bootstrap
        self._last: dict[tuple[str, int], tuple[int, int]] = {}
        self._restarting = True

    def restart(self) -> None:
        """Read the topics from their beginnings once more: they were made anew, and may have grown past our place."""
        self._restarting = True

    async def run(self) -> None:
        """Watches until cancelled."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            topics = (ENROLLMENT_EVENTS, COMPLETION_EVENTS, PAYMENT_EVENTS, *map(dead_letters, SERVICES))
            places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
            consumer.assign(places)
            while True:
                if self._restarting:
                    self._restarting = False
                    for place in places:
                        consumer.seek(place, 0)
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    self._apply_records(records)
        finally:
            await asyncio.shield(consumer.stop())

    def _apply_records(self, records: "Iterable[ConsumerRecord[bytes, bytes]]") -> None:
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            era, first = map(int, headers["ce_era"].split("."))
            sequence = int(headers["ce_sequence"])
            known, last = self._last.get((record.topic, record.partition), (0, 0))
            begins = era > known and sequence == first and sequence <= last + 1
            if not begins and (era, sequence) != (known, last + 1):
                continue
            self._last[(record.topic, record.partition)] = (era, sequence)
            self.seen.event_count += 1
            apply_event(self.seen, headers["ce_type"], json.loads(record.value or b"{}"))


def apply_event(seen: Observed, kind: str, data: Mapping[str, Any]) -> None:
    """Takes one event into account."""
    _, producer, name, _ = kind.split(".")
    match producer, name:
        case "enrollment", "participant_admitted":
            seen.admitted.add(data["participant_id"])
        case "enrollment", "participant_refused":
            seen.refused[data["participant_id"]] = data["reason"]
        case "enrollment", "enrollment_confirmed":
            seen.enrolled.add(data["redeem_code"])
        case "enrollment", "enrollment_rejected":
            seen.rejected[data["redeem_code"]] = data["reason"]
        case "completion", "completion_confirmed":
            seen.completed.add(data["redeem_code"])
        case "completion", "completion_rejected":
            seen.expired[data["redeem_code"]] = data["reason"]
        case _, "record_parked":
            seen.parked_at[(data["topic"], data["partition"], data["offset"])] = data["reason"]
        case "payment", _:
            _apply_payment_event(seen, name.removeprefix("disbursement_"), data)


def _apply_payment_event(seen: Observed, state: str, data: Mapping[str, Any]) -> None:
    right = (data["redeem_code"], data["benefit"])
    seen.states[right] = state
    seen.amounts[right] = data["amount"]["value"]
    seen.reasons[right] = data["reason"] or ""
    if state == "held":
        seen.held_for[data["reason"]] += 1
    if data["reference"]:
        seen.references[data["reference"]] = right
