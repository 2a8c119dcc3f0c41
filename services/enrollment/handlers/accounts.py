"""Linked accounts: the latest one counts. The event states whether the account holder's NIK is the participant's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import PARTICIPANT
from services.enrollment.handlers.account_seals import open_kept_account, seal_kept_account
from services.enrollment.handlers.adoption import LinkKey, forget_accounts, load_announced_accounts
from services.enrollment.handlers.opened_seals import open_account
from services.enrollment.store.accounts import StoredAccount, load_accounts, save_accounts
from services.enrollment.store.admissions import Admission, load_admissions
from shared.contracts import enrollment, upstream
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import open_linked_account, seal_linked_account
from shared.contracts.secret import Secret
from shared.errors import InvariantBroken
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """An account whose seal is opened, neither announced nor sealed again yet."""

    account: StoredAccount
    number: Secret

    @property
    def key(self) -> LinkKey:
        return self.account.participant_id, self.account.linked_at


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[upstream.AccountLinked]]) -> None:
    """Announce accounts of admitted participants; keep those of refused ones, whom a later wave may admit.

    The account of an erased participant changes nothing.
    """
    people = {message.data.participant_id for message in messages}
    known = await load_admissions(tx.connection, people)
    latest, erased = await load_accounts(tx.connection, people)
    announced = await load_announced_accounts(tx, people)
    changed: dict[str, StoredAccount] = {}
    for message in messages:
        person = message.data.participant_id
        opened = None if person in erased else _open(context, tx, message)
        if opened is None or not _counts(tx, message, opened.account, latest.get(person)):
            continue
        announced_event = announced.get(opened.key)
        if announced_event and not _is_same_account(context, opened, announced_event):
            tx.park(message, ParkReason.CONFLICT)
            continue
        if person not in known:
            tx.defer(message, PARTICIPANT, person)
            continue
        admission = _admission_of(known, person)
        latest[person] = opened.account
        changed[person] = (
            _seal_kept(context, opened)
            if admission is None
            else _emit(context, tx, opened, admission, announced_event, message.trace)
        )
    if changed:
        await save_accounts(tx.connection, changed.values())
    await _forget(tx, announced, {**latest, **changed})


async def emit_kept_accounts(context: Context, tx: Transaction, admissions: Sequence[Admission]) -> None:
    """Announce the kept accounts of participants who are admitted now, though an earlier wave refused them."""
    kept, erased = await load_accounts(tx.connection, [admission.participant_id for admission in admissions])
    kept = {person: account for person, account in kept.items() if person not in erased}
    if not kept:
        return
    announced = await load_announced_accounts(tx, kept)
    emitted = {}
    for admission in admissions:
        if account := kept.get(admission.participant_id):
            opened = _open_kept(context, account)
            emitted[account.participant_id] = _emit(context, tx, opened, admission, announced.get(opened.key), None)
    await save_accounts(tx.connection, emitted.values())
    await _forget(tx, announced, emitted)


def _open(context: Context, tx: Transaction, message: Message[upstream.AccountLinked]) -> OpenedAccount | None:
    data = message.data
    try:
        number, index, digest = open_account(context, data)
    except Parked as parked:
        tx.park(message, parked.reason, parked.detail or "/account/sealed")
        return None
    account = StoredAccount(
        participant_id=data.participant_id,
        lane=require_lane(message),
        partner=data.account.partner,
        verified=data.kyc == "verified",
        linked_at=data.linked_at,
        content_digest=digest,
        same_identity=None,
        sealed=None,
        identity_index=index,
    )
    return OpenedAccount(account, number)


def _seal_kept(context: Context, opened: OpenedAccount) -> StoredAccount:
    return opened.account._replace(sealed=seal_kept_account(context.own_keys, opened.account, opened.number))


def _open_kept(context: Context, account: StoredAccount) -> OpenedAccount:
    """Open a kept account. Raise InvariantBroken if its seal does not open."""
    try:
        return OpenedAccount(account, open_kept_account(context.own_keys, account))
    except Parked:
        sentence = "its kept account does not open: restore the key that sealed it, or find out who changed the row"
        raise InvariantBroken(account.participant_id, sentence) from None


def _counts(
    tx: Transaction, message: Message[upstream.AccountLinked], account: StoredAccount, latest: StoredAccount | None
) -> bool:
    """Return True for an account linked later than the stored one; park another one linked at the same time."""
    if latest is None or account.linked_at > latest.linked_at:
        return True
    if account.linked_at == latest.linked_at and account.content_digest != latest.content_digest:
        tx.park(message, ParkReason.CONFLICT)
    return False


def _admission_of(known: Mapping[str, Sequence[Admission]], person: str) -> Admission | None:
    return next((admission for admission in known[person] if admission.admitted), None)


def _is_same_account(context: Context, opened: OpenedAccount, announced: enrollment.AccountLinked) -> bool:
    """Return True if the account equals the announced one, as far as the announcement can be opened."""
    account = opened.account
    try:
        number = open_linked_account(context.linked_account_keys, announced)
    except Parked:
        number = opened.number
    return (account.partner, account.verified, opened.number) == (announced.partner, announced.verified, number)


def _emit(
    context: Context,
    tx: Transaction,
    opened: OpenedAccount,
    admission: Admission,
    announced: enrollment.AccountLinked | None,
    trace: str | None,
) -> StoredAccount:
    """Emit the account unless it was announced before a restore; return it as stored afterwards, without its seal."""
    account = opened.account
    if announced:
        return account._replace(same_identity=announced.same_identity, sealed=None, identity_index=None)
    same_identity = account.identity_index == admission.identity_index
    event = seal_linked_account(
        context.linked_account_keys,
        opened.number,
        participant_id=account.participant_id,
        partner=account.partner,
        verified=account.verified,
        same_identity=same_identity,
        linked_at=account.linked_at,
    )
    number = tx.emit(enrollment.ACCOUNT_LINKED, event, lane=account.lane, key=account.participant_id, trace=trace)
    return account._replace(same_identity=same_identity, sealed=None, identity_index=None, carried_by=number)


async def _forget(
    tx: Transaction, announced: Mapping[LinkKey, enrollment.AccountLinked], accounts: Mapping[str, StoredAccount]
) -> None:
    """Forget announcements of accounts that are stored as announced now; a kept account is still to be announced."""
    await forget_accounts(
        tx, announced, {person: one for person, one in accounts.items() if one.same_identity is not None}
    )
