"""What enrollment decided: places in trainings with what they promise, and accounts."""

from collections.abc import Sequence
from typing import Any

from services.payment.domain.right import Enrollment, Entitlement, Milestone, Payee
from services.payment.handlers import Context
from services.payment.handlers.paying import pay
from services.payment.store.accounts import LinkedAccount, save_accounts
from services.payment.store.disbursements import load_held_of_participants
from services.payment.store.enrollments import insert_enrollments
from shared.contracts.enrollment import AccountLinked, EnrollmentConfirmed
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def note_enrollments(tx: Transaction, messages: Sequence[Message[EnrollmentConfirmed]]) -> None:
    """Writes down what may fall due; what waited for these enrollments is taken up."""
    first: dict[str, Enrollment] = {}
    for message in messages:
        first.setdefault(message.data.redeem_code, _enrollment(message))
    await insert_enrollments(tx.connection, list(first.values()))
    for redeem_code in first:
        tx.wake("enrollment", redeem_code)


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[AccountLinked]]) -> None:
    """Keeps each participant's latest account, and pays what waited for it."""
    latest: dict[str, Message[AccountLinked]] = {}
    for message in messages:
        known = latest.get(message.data.participant_id)
        if known is None or known.data.linked_at < message.data.linked_at:
            latest[message.data.participant_id] = message
    await save_accounts(tx.connection, [_account(message) for message in latest.values()])
    held = await load_held_of_participants(tx.connection, latest)
    await pay(context, tx, held, {d.right: latest[d.participant_id].trace for d in held})


def _enrollment(message: Message[EnrollmentConfirmed]) -> Enrollment:
    data = message.data
    return Enrollment(
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        lane=lane_of(message),
        wave=data.wave,
        provider_id=data.provider_id,
        entitlements=tuple(
            Entitlement(
                benefit=benefit.benefit,
                amount=benefit.amount.value,
                payee=Payee(benefit.payee),
                milestone=Milestone(benefit.milestone),
                first_training_only=benefit.first_training_only,
            )
            for benefit in data.benefits
        ),
    )


def _account(message: Message[AccountLinked]) -> LinkedAccount:
    data = message.data
    return LinkedAccount(
        participant_id=data.participant_id,
        lane=lane_of(message),
        partner=data.partner,
        account=data.account,
        verified=data.verified,
        same_identity=data.same_identity,
        linked_at=data.linked_at,
    )


def lane_of(message: Message[Any]) -> int:
    """The lane that a record of an internal topic stands in."""
    if message.lane is None:
        raise ValueError(f"{message.type} came in no lane")
    return message.lane
