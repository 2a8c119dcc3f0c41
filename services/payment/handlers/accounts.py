"""Accounts that participants linked. Enrollment seals them for payment, which keeps them under its own key."""

from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.entitlement import Payee
from services.payment.payout.account_seals import index_of, open_legacy, seal_own
from services.payment.payout.pay import pay
from services.payment.store.accounts import LinkedAccount, load_own_seals_since, save_accounts
from services.payment.store.disbursements import load_held_of_participants
from shared.contracts.enrollment import AccountLinked
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import open_linked_account
from shared.contracts.secret import Secret
from shared.messaging.message import Message, require_lane
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction

Opened = tuple[Message[AccountLinked], Secret]


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[AccountLinked]]) -> None:
    """Store each participant's latest account, and pay disbursements held for it.

    A message whose account contradicts its seal is parked.
    """
    latest: dict[str, Opened] = {}
    for message, number in await _open(context, tx, messages):
        known = latest.get(message.data.participant_id)
        if known is None or known[0].data.linked_at < message.data.linked_at:
            latest[message.data.participant_id] = (message, number)
    await save_accounts(tx.connection, [_account(context, *one) for one in latest.values()])
    held = await load_held_of_participants(tx.connection, latest)
    await pay(context, tx, held, {d.key: latest[d.participant_id][0].trace for d in held})


async def _open(context: Context, tx: Transaction, messages: Sequence[Message[AccountLinked]]) -> list[Opened]:
    opened, unopened = [], []
    for message in messages:
        try:
            opened.append((message, open_linked_account(context.linked_account_keys, message.data)))
        except Parked:
            unopened.append(message)
    return opened + await _open_legacy(context, tx, unopened) if unopened else opened


async def _open_legacy(context: Context, tx: Transaction, messages: Sequence[Message[AccountLinked]]) -> list[Opened]:
    """Open accounts under the seals of upstream, which enrollment passed on before the migration `own_seals`."""
    since = await load_own_seals_since(tx.connection)
    opened = []
    for message in messages:
        number = _legacy_number(context, message) if _era(message) < since.timestamp() * 1_000_000 else None
        if number is None:
            tx.park(message, ParkReason.BAD_SEAL, "/account")
        else:
            opened.append((message, number))
    return opened


def _legacy_number(context: Context, message: Message[AccountLinked]) -> Secret | None:
    data = message.data
    try:
        return open_legacy(context.upstream_keys, data.account, Payee.PARTICIPANT, data.participant_id)
    except Parked:
        return None


def _era(message: Message[AccountLinked]) -> int:
    """Return the start of the session that emitted the event, in microseconds."""
    return int(message.record.header("ce_era").partition(".")[0])


def _account(context: Context, message: Message[AccountLinked], number: Secret) -> LinkedAccount:
    data = message.data
    return LinkedAccount(
        participant_id=data.participant_id,
        lane=require_lane(message),
        partner=data.partner,
        account=seal_own(context.own_keys, Payee.PARTICIPANT, data.participant_id, data.partner, number),
        verified=data.verified,
        same_identity=data.same_identity,
        linked_at=data.linked_at,
        caused_by=sequence_in(message.id),
        account_index=index_of(context.index, data.partner, number),
    )
