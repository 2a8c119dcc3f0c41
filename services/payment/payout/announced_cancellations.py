"""Announced cancellations, remembered after a restore: nothing is paid of them before their cause is read again."""

from collections.abc import Collection, Iterable, Mapping

from services.payment.domain.disbursement import DisbursementKey
from services.payment.domain.entitlement import Annulment
from shared.contracts.payment import DISBURSEMENT_CANCELLED, Disbursement
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.remembered_events import RememberedEvent, forget, recall, remember
from shared.messaging.transaction.transaction import Transaction

TYPE = DISBURSEMENT_CANCELLED.name
CAUSES = (Annulment.VOIDED, Annulment.REVOKED)
"""Ends of a training. Of an erasure it is remembered that the participant was erased."""


async def load_announced_cancellations(
    tx: Transaction, participant_ids: Collection[str]
) -> Mapping[DisbursementKey, Annulment]:
    """Load the announced cancellations of these participants. Without a restore no query is made."""
    events = [DISBURSEMENT_CANCELLED.parse(event.data) for event in await recall(tx, participant_ids, TYPE)]
    return {(one.redeem_code, one.benefit): Annulment(one.reason) for one in events if one.reason in CAUSES}


async def forget_cancellations(tx: Transaction, keys: Collection[DisbursementKey]) -> None:
    """Forget the announcements of cancellations whose disbursements are marked, or can never fall due again."""
    await forget(tx, [_key(*key) for key in keys], TYPE)


async def remember_cancellations(
    tx: Transaction, lane: int, events: Iterable[tuple[OutboxEvent, Disbursement]]
) -> None:
    """Remember what was announced as cancelled with a training that was voided or revoked."""
    cancellations = [
        RememberedEvent(TYPE, _key(data.redeem_code, data.benefit), data.participant_id, event.data)
        for event, data in events
        if event.type == TYPE and data.reason in CAUSES
    ]
    await remember(tx, lane, cancellations)


def _key(redeem_code: str, benefit: str) -> str:
    return f"{redeem_code}/{benefit}"
