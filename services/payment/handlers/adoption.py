"""Adoption after a restore: events found in our own topics, and missing from the outbox, stay binding."""

import contextlib
from collections.abc import Iterable, Iterator

from services.payment.context import Context
from services.payment.domain.attempt import Attempt
from services.payment.domain.entitlement import Annulment, Component, component_of
from services.payment.domain.funds import Fund
from services.payment.payout.announced_cancellations import remember_cancellations
from services.payment.payout.announced_forfeits import remember_forfeits
from services.payment.payout.claims import adopt_claims
from services.payment.payout.erased_participants import adopt_erasures
from services.payment.payout.funds import keep_promised
from services.payment.payout.grants import remember_grants
from services.payment.payout.halts import halt_partner
from services.payment.payout.ledger import post
from services.payment.payout.partner_limits import use_adopted
from services.payment.store.attempts import AnnouncedAttempt, insert_adopted_attempts, update_announced_attempts
from shared.contracts import payment
from shared.contracts.park_reasons import Parked
from shared.contracts.payment import INSTRUCTION, Disbursement, Instruction
from shared.contracts.topics import PARTNERS, PAYMENT_EVENTS, disbursements
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction

PARTNER_OF_INSTRUCTIONS = {disbursements(partner): partner for partner in PARTNERS}
EVENTS = {event.name: event for event in payment.EVENTS}
KEEPS_MONEY = {
    payment.DISBURSEMENT_INSTRUCTED.name: True,
    payment.DISBURSEMENT_ACCEPTED.name: True,
    payment.DISBURSEMENT_SETTLED.name: True,
    payment.DISBURSEMENT_REJECTED.name: False,
    payment.DISBURSEMENT_RETURNED.name: False,
}


async def adopt(context: Context, tx: Transaction, tail: Tail) -> None:
    """Adopt what was announced: the same is instructed again, and nothing that was forfeited or cancelled.

    If the topic has a hole, a payment may be missing of which nothing is known: the partner is halted until its
    statement has been compared. `payment.events` tell which fund pays an instruction; until they do, nothing new is
    instructed from its component (`load_halts`).
    """
    if tail.topic == PAYMENT_EVENTS:
        events = list(_events(tail))
        await remember_grants(tx, tail.lane, events)
        await remember_forfeits(tx, tail.lane, events)
        await remember_cancellations(tx, tail.lane, events)
        await _keep_money(tx, events)
        await adopt_claims(tx, tail.lane, events)
        await adopt_erasures(tx, tail.lane, (data.participant_id for event, data in events if _is_erased(event, data)))
    partner = PARTNER_OF_INSTRUCTIONS.get(tail.topic)
    if partner is None:
        return
    whole = tail.whole
    attempts: dict[str, tuple[Attempt, Component]] = {}
    for _, event in tail.events():
        if event.type == INSTRUCTION.name:
            try:
                instruction = INSTRUCTION.parse(event.data)
            except Parked:
                whole = False
                continue
            attempt = _attempt(instruction, tail.lane, partner)
            attempts[attempt.reference] = (attempt, component_of(instruction.benefit))
    adopted = list(attempts.values())
    added = await insert_adopted_attempts(
        tx.connection, [attempt for attempt, _ in adopted], [component for _, component in adopted]
    )
    await use_adopted(context, tx, partner, [attempt for attempt, _ in adopted if attempt.reference in added])
    if not whole:
        await halt_partner(tx, partner, "instructions are missing from its topic: compare its statement")


def _is_erased(event: OutboxEvent, data: Disbursement) -> bool:
    return event.type == payment.DISBURSEMENT_CANCELLED.name and data.reason == Annulment.ERASED


def _events(tail: Tail) -> Iterator[tuple[OutboxEvent, Disbursement]]:
    """Yield the events of a tail that can be read, each with its disbursement."""
    for _, event in tail.events():
        with contextlib.suppress(KeyError, Parked):
            yield event, EVENTS[event.type].parse(event.data)


async def _keep_money(tx: Transaction, events: Iterable[tuple[OutboxEvent, Disbursement]]) -> None:
    """Store the wave of each announced attempt, and keep its money there until its disbursement is read again.

    An attempt that was rejected or returned keeps none: its money may have been committed to another since.
    """
    announced: dict[str, AnnouncedAttempt] = {}
    for event, data in events:
        if event.type in KEEPS_MONEY and data.reference is not None:
            keeps, component = KEEPS_MONEY[event.type], component_of(data.benefit)
            announced[data.reference] = AnnouncedAttempt(
                data.reference, data.wave, component, keeps, data.account_version
            )
    if announced:
        await update_announced_attempts(tx.connection, list(announced.values()))
        await post(tx, await keep_promised(tx, {Fund(one.wave, one.component) for one in announced.values()}))


def _attempt(instruction: Instruction, lane: int, partner: str) -> Attempt:
    return Attempt(
        reference=instruction.reference,
        lane=lane,
        partner=partner,
        amount=instruction.amount.value,
        account=instruction.payee.account,
        instructed_at=instruction.instructed_at,
        answer_by=instruction.answer_by,
    )
