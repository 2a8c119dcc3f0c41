"""Observer of Salur's public topics, as any outside consumer could write it."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, LANES, PAYMENT_EVENTS, SERVICES, dead_letters

EntitlementKey = tuple[str, str]

ERASED = "erased"
"""Detail of a record that was parked since its person was erased while it waited."""


@dataclass(frozen=True, slots=True)
class ObservedClaim:
    """Claim on money that was paid, which stands: it is open or repaid. `amount` in rupiah."""

    id: str
    debtor: str
    reason: str
    amount: int
    repaid: bool = False


class ObservedForfeit(NamedTuple):
    """Forfeit of a balance: rupiah, and the reason."""

    amount: int
    reason: str


@dataclass(slots=True)
class Observed:
    """State known from the events read so far, keyed by (redeem code, benefit) where it is about money.

    `forfeits`: of balances, by participant and the moment from which it is gone. `held_before`: the reasons for which
    payments were held until they were forfeited.
    """

    admitted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    enrolled: set[str] = field(default_factory=set)
    rejected: dict[str, str] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    latest_blocks: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    ever_blocked: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    forfeits: dict[str, dict[datetime, ObservedForfeit]] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    expired: dict[str, str] = field(default_factory=dict)
    states: dict[EntitlementKey, str] = field(default_factory=dict)
    reasons: dict[EntitlementKey, str] = field(default_factory=dict)
    amounts: dict[EntitlementKey, int] = field(default_factory=dict)
    references: dict[str, EntitlementKey] = field(default_factory=dict)
    claims: dict[EntitlementKey, ObservedClaim] = field(default_factory=dict)
    returned: set[EntitlementKey] = field(default_factory=set)
    held_for: Counter[str] = field(default_factory=Counter)
    held_before: dict[EntitlementKey, str] = field(default_factory=dict)
    parked_at: dict[tuple[str, int, int], str] = field(default_factory=dict)
    event_count: int = 0

    @property
    def blocked(self) -> set[str]:
        """Participants of whose blocks and unblocks the latest is a block."""
        return {person for person, (_, blocked) in self.latest_blocks.items() if blocked}

    @property
    def parked(self) -> Counter[str]:
        """Number of parked records, by reason. A restore may point to the same record twice; it counts once."""
        return Counter(self.parked_at.values())

    def count(self, benefit: str, state: str) -> int:
        return sum(1 for (_, of), now in self.states.items() if of == benefit and now == state)


class TopicObserver:
    """Reader of the services' topics from their beginnings, by the rules of the contract.

    It drops duplicates by era and sequence, and ignores everything after a missing number until that number arrives.
    """

    def __init__(self, bootstrap: str) -> None:
        self.seen = Observed()
        self._bootstrap = bootstrap
        self._last: dict[tuple[str, int], tuple[int, int]] = {}
        self._restarting = True

    def restart(self) -> None:
        """Read the topics from their beginnings again, after they were recreated."""
        self._restarting = True

    async def run(self) -> None:
        """Read until cancelled."""
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
    """Add one event to the observed state."""
    _, producer, name, _ = kind.split(".")
    match producer, name:
        case _, "record_parked" if data["detail"] == ERASED:
            # A repeat that still waits when its person is erased. Whether one does is a matter of moments.
            pass
        case _, "record_parked":
            seen.parked_at[(data["topic"], data["partition"], data["offset"])] = data["reason"]
        case "enrollment", _:
            _apply_enrollment_event(seen, name, data)
        case "completion", "completion_confirmed":
            seen.completed.add(data["redeem_code"])
        case "completion", "completion_revoked":
            seen.revoked.add(data["redeem_code"])
        case "completion", "completion_rejected":
            seen.expired[data["redeem_code"]] = data["reason"]
        case "payment", _ if name.startswith("claim_"):
            _apply_claim_event(seen, name.removeprefix("claim_"), data)
        case "payment", _:
            _apply_payment_event(seen, name.removeprefix("disbursement_"), data)


def _apply_block(seen: Observed, person: str, at: str, *, blocked: bool) -> None:
    change = datetime.fromisoformat(at), blocked
    seen.latest_blocks[person] = max(change, seen.latest_blocks.get(person, change))


def _apply_enrollment_event(seen: Observed, name: str, data: Mapping[str, Any]) -> None:
    match name:
        case "participant_admitted":
            seen.admitted.add(data["participant_id"])
        case "participant_refused":
            seen.refused[data["participant_id"]] = data["reason"]
        case "participant_blocked":
            seen.ever_blocked.add(data["participant_id"])
            _apply_block(seen, data["participant_id"], data["blocked_at"], blocked=True)
        case "participant_unblocked":
            _apply_block(seen, data["participant_id"], data["unblocked_at"], blocked=False)
        case "participant_erased":
            seen.erased.add(data["participant_id"])
        case "balance_forfeited":
            forfeit = ObservedForfeit(data["amount"]["value"], data["reason"])
            at = datetime.fromisoformat(data["forfeited_at"])
            seen.forfeits.setdefault(data["participant_id"], {})[at] = forfeit
        case "enrollment_confirmed":
            seen.enrolled.add(data["redeem_code"])
        case "enrollment_rejected":
            seen.rejected[data["redeem_code"]] = data["reason"]
        case "enrollment_voided":
            seen.voided.add(data["redeem_code"])


def _apply_claim_event(seen: Observed, name: str, data: Mapping[str, Any]) -> None:
    """Add the event of a claim, which leaves the state of its disbursement as it is."""
    key, claim = (data["redeem_code"], data["benefit"]), data["claim"]
    if name == "opened":
        seen.claims[key] = ObservedClaim(claim, data["debtor"], data["reason"], data["amount"]["value"])
    elif (standing := seen.claims.get(key)) and standing.id == claim:
        if name == "repaid":
            seen.claims[key] = replace(standing, repaid=True)
        else:
            del seen.claims[key]


def _apply_payment_event(seen: Observed, state: str, data: Mapping[str, Any]) -> None:
    key = (data["redeem_code"], data["benefit"])
    if state == "forfeited" and seen.states.get(key) == "held":
        seen.held_before[key] = seen.reasons[key]
    if state == "returned":
        seen.returned.add(key)
    seen.states[key] = state
    seen.amounts[key] = data["amount"]["value"]
    seen.reasons[key] = data["reason"] or ""
    if state == "held":
        seen.held_for[data["reason"]] += 1
    if data["reference"]:
        seen.references[data["reference"]] = key
