"""Announced forfeits, remembered after a restore: what was forfeited is not paid when it falls due again."""

from collections.abc import Collection, Iterable

from services.payment.domain.disbursement import DisbursementKey
from shared.contracts.payment import DISBURSEMENT_FORFEITED, Disbursement
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.remembered_events import RememberedEvent, forget, recall_parsed, remember
from shared.messaging.transaction.transaction import Transaction

TYPE = DISBURSEMENT_FORFEITED.name


async def load_announced_forfeits(tx: Transaction, participant_ids: Collection[str]) -> set[DisbursementKey]:
    """Load the announced forfeits of the trainings of these participants. Without a restore no query is made."""
    events = await recall_parsed(tx, participant_ids, DISBURSEMENT_FORFEITED)
    return {(one.data.redeem_code, one.data.benefit) for one in events}


async def forget_forfeits(tx: Transaction, keys: Collection[DisbursementKey]) -> None:
    """Forget the announcements of forfeits that are rows again."""
    await forget(tx, [_key(*key) for key in keys], TYPE)


async def remember_forfeits(tx: Transaction, lane: int, events: Iterable[tuple[OutboxEvent, Disbursement]]) -> None:
    """Remember what was announced as forfeited."""
    forfeits = [
        RememberedEvent(TYPE, _key(data.redeem_code, data.benefit), data.participant_id, event.data)
        for event, data in events
        if event.type == TYPE
    ]
    await remember(tx, lane, forfeits)


def _key(redeem_code: str, benefit: str) -> str:
    return f"{redeem_code}/{benefit}"
