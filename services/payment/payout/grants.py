"""Announced grants: the training that each fell due with, remembered after a restore."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from services.payment.domain.disbursement import DisbursementKey
from services.payment.domain.entitlement import EarnedEntitlement, kind_of
from services.payment.store.disbursements import load_grants
from shared.contracts.payment import DISBURSEMENT_SCHEDULED, Disbursement
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.remembered_events import RememberedEvent, forget, recall, remember
from shared.messaging.transaction.transaction import Transaction

GRANT = "grant"


async def load_announced_grants(tx: Transaction, participant_ids: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    """Return participant -> benefit -> redeem code of the training that it had fallen due with."""
    announced: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for event in await recall(tx, participant_ids, GRANT):
        scheduled = DISBURSEMENT_SCHEDULED.parse(event.data)
        announced[event.owner][scheduled.benefit] = scheduled.redeem_code
    return announced


async def forget_grants(tx: Transaction, earned: Collection[EarnedEntitlement]) -> None:
    """Forget the announcements of these entitlements, whose disbursements are rows again."""
    await forget(
        tx, [_key(enrollment.participant_id, entitlement.benefit) for enrollment, entitlement in earned], GRANT
    )


async def remember_grants(tx: Transaction, lane: int, events: Iterable[tuple[OutboxEvent, Disbursement]]) -> None:
    """Remember the training that each announced benefit to a participant had fallen due with, unless it is known."""
    grants: dict[DisbursementKey, RememberedEvent] = {}
    for event, data in events:
        if kind_of(data.benefit) != "fee":
            key = _key(data.participant_id, data.benefit)
            grants[data.redeem_code, data.benefit] = RememberedEvent(GRANT, key, data.participant_id, event.data)
    stored = await load_grants(tx.connection, {redeem_code for redeem_code, _ in grants})
    known = {(grant.redeem_code, grant.benefit) for of_one in stored.values() for grant in of_one}
    await remember(tx, lane, [grant for key, grant in grants.items() if key not in known])


def _key(participant_id: str, benefit: str) -> str:
    return f"{participant_id}/{benefit}"
