"""Announced claims and repayments, remembered after a restore: they stay binding."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.payment.domain.claim import Claim, ClaimReason, Payment
from shared.contracts.events import EventType
from shared.contracts.payment import (
    CLAIM_OPENED,
    CLAIM_REPAID,
    ClaimOpened,
    ClaimRepaid,
    ClaimWithdrawn,
    Disbursement,
)
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.remembered_events import RememberedEvent, forget, recall_parsed, remember
from shared.messaging.transaction.transaction import Transaction

EVENTS: Sequence[EventType[Any]] = (CLAIM_OPENED, CLAIM_REPAID)


@dataclass(frozen=True, slots=True)
class AnnouncedClaims:
    """Claims announced before a restore, by reference, and the documents of those repaid, by claim."""

    opened: dict[str | None, ClaimOpened]
    documents: dict[str, str]

    def claim_on(self, payment: Payment) -> Claim | None:
        """Return the claim on a payment as it was announced; None if none was."""
        known = self.opened.get(payment.disbursement.reference)
        if known is None or known.reason is None:
            return None
        number = int(known.claim.rpartition("-")[2])
        return Claim(payment.disbursement, number, ClaimReason(known.reason), known.opened_at, known.due_at)


async def load_announced_claims(tx: Transaction, participant_ids: Collection[str]) -> AnnouncedClaims:
    """Load the claims of these participants that were announced. Without a restore no query is made."""
    known = [one.data for one in await recall_parsed(tx, participant_ids, *EVENTS)]
    return AnnouncedClaims(
        {one.reference: one for one in known if isinstance(one, ClaimOpened)},
        {one.claim: one.document for one in known if isinstance(one, ClaimRepaid)},
    )


async def forget_claims(tx: Transaction, claims: Collection[str]) -> None:
    """Forget the announcements of claims that are rows again."""
    await forget(tx, claims, *(event.name for event in EVENTS))


async def remember_claims(
    tx: Transaction, lane: int, events: Iterable[tuple[OutboxEvent, Disbursement]], known: Collection[str]
) -> None:
    """Remember claims that were announced and not withdrawn, and their repayments, but for those that are known."""
    kept: dict[tuple[str, str], RememberedEvent] = {}
    withdrawn: list[str] = []
    for event, data in events:
        if isinstance(data, ClaimOpened | ClaimRepaid) and data.claim not in known:
            kept[event.type, data.claim] = RememberedEvent(event.type, data.claim, data.participant_id, event.data)
        elif isinstance(data, ClaimWithdrawn):
            kept.pop((CLAIM_OPENED.name, data.claim), None)
            withdrawn.append(data.claim)
    # It may have been opened in an earlier portion.
    await forget(tx, withdrawn, CLAIM_OPENED.name)
    await remember(tx, lane, list(kept.values()))
