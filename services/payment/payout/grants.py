"""Announced grants: the training that each fell due with, remembered after a restore."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from services.payment.context import Context
from services.payment.domain.disbursement import DisbursementKey
from services.payment.domain.entitlement import EarnedEntitlement, Enrollment, earned_once_per_participant, kind_of
from services.payment.payout.announced_forfeits import load_announced_forfeits
from services.payment.store.attempts import load_attempts
from services.payment.store.disbursements import load_grants
from shared.contracts.payment import DISBURSEMENT_CANCELLED, DISBURSEMENT_SCHEDULED, Disbursement
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.remembered_events import RememberedEvent, forget, recall, remember
from shared.messaging.transaction.transaction import Transaction

GRANT = "grant"


async def load_earned_once(
    tx: Transaction, reached: Collection[tuple[str, str]], enrollments: Iterable[Enrollment]
) -> list[EarnedEntitlement]:
    """Return the benefits paid once per participant that fall due.

    `reached`: (participant, benefit) of those that may be due by now. `enrollments`: all trainings of the participants.
    """
    participants = {participant_id for participant_id, _ in reached}
    trainings: defaultdict[str, list[Enrollment]] = defaultdict(list)
    for enrollment in enrollments:
        if enrollment.participant_id in participants:
            trainings[enrollment.participant_id].append(enrollment)
    # A participant with one training has no grant with another, and what it has just reached was not granted before.
    others = [one.redeem_code for of_one in trainings.values() if len(of_one) > 1 for one in of_one]
    grants = await load_grants(tx.connection, others)
    announced = await load_announced_grants(tx, participants)
    due = [
        earned_entitlement
        for person, of_one in trainings.items()
        for earned_entitlement in earned_once_per_participant(of_one, grants.get(person, ()), announced.get(person, {}))
        if (person, earned_entitlement[1].benefit) in reached
    ]
    if announced:
        await forget_grants(tx, due)
    return due


async def load_instructed_before(
    context: Context, tx: Transaction, earned: Sequence[EarnedEntitlement]
) -> list[EarnedEntitlement]:
    """Return those of these entitlements that a partner was instructed to pay before a restore, or that were forfeited.

    Neither falls due with another training, and both are had again, whatever annuls their training meanwhile.
    """
    forfeited = await load_announced_forfeits(tx, {one.participant_id for one, _ in earned})
    references = {
        context.attempt_reference(one.lane, one.participant_id, one.redeem_code, entitlement.benefit, 1): number
        for number, (one, entitlement) in enumerate(earned)
    }
    adopted = await load_attempts(tx.connection, references) if references else {}
    instructed = {references[reference] for reference, attempt in adopted.items() if attempt.is_only_adopted}
    return [
        (one, entitlement)
        for number, (one, entitlement) in enumerate(earned)
        if number in instructed or (one.redeem_code, entitlement.benefit) in forfeited
    ]


async def forget_annulled_grants(context: Context, tx: Transaction, annulled: Collection[Enrollment]) -> None:
    """Forget announced benefits of annulled trainings that no partner was instructed to pay: others may earn them."""
    announced = await load_announced_grants(tx, {enrollment.participant_id for enrollment in annulled})
    lost = [
        (enrollment, entitlement)
        for enrollment in annulled
        for entitlement in enrollment.entitlements
        if announced.get(enrollment.participant_id, {}).get(entitlement.benefit) == enrollment.redeem_code
    ]
    instructed = await load_instructed_before(context, tx, lost)
    await forget_grants(tx, [one for one in lost if one not in instructed])


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
    """Remember the training that each announced benefit to a participant had fallen due with, unless it is known.

    One that was cancelled before any partner was instructed may fall due with another.
    """
    grants: dict[DisbursementKey, RememberedEvent] = {}
    for event, data in events:
        if kind_of(data.benefit) != "fee":
            key = _key(data.participant_id, data.benefit)
            grants[data.redeem_code, data.benefit] = RememberedEvent(GRANT, key, data.participant_id, event.data)
            if event.type == DISBURSEMENT_CANCELLED.name and data.attempt == 0:
                del grants[data.redeem_code, data.benefit]
    stored = await load_grants(tx.connection, {redeem_code for redeem_code, _ in grants})
    known = {(grant.redeem_code, grant.benefit) for of_one in stored.values() for grant in of_one}
    await remember(tx, lane, [grant for key, grant in grants.items() if key not in known])


def _key(participant_id: str, benefit: str) -> str:
    return f"{participant_id}/{benefit}"
