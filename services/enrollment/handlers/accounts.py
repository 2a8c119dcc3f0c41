"""An account is linked: does it belong to the participant? The latest counts; payment holds when it does not fit."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.enrollment.context import Context
from services.enrollment.handlers import PARTICIPANT
from services.enrollment.handlers.account_seals import open_kept_account, seal_kept_account
from services.enrollment.handlers.adoption import LinkKey, forget_accounts, load_announced_accounts
from services.enrollment.handlers.opened_seals import open_account
from services.enrollment.store.accounts import StoredAccount, load_accounts, save_accounts
from services.enrollment.store.admissions import Admission, load_admissions
from shared.contracts import enrollment, upstream
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import open_linked_account, seal_linked_account
from shared.contracts.seals import Secret
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction


class OpenedAccount(NamedTuple):
    """An account whose seal has just been opened, neither announced nor sealed again yet."""

    account: StoredAccount
    number: Secret

    @property
    def key(self) -> LinkKey:
        return self.account.participant_id, self.account.linked_at


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[upstream.AccountLinked]]) -> None:
    """Of somebody refused the account is kept: a later wave may admit them."""
    people = {message.data.participant_id for message in messages}
    known = await load_admissions(tx.connection, people)
    latest = await load_accounts(tx.connection, people)
    announced = await load_announced_accounts(tx, people)
    changed: dict[str, StoredAccount] = {}
    for message in messages:
        person = message.data.participant_id
        opened = _open(context, tx, message)
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
    """Somebody refused before is admitted now: the account linked in between counts."""
    kept = await load_accounts(tx.connection, [admission.participant_id for admission in admissions])
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
    return opened.account._replace(sealed=seal_kept_account(context.own, opened.account, opened.number))


def _open_kept(context: Context, account: StoredAccount) -> OpenedAccount:
    """Raises ValueError when what was kept does not open: then its key is missing, or somebody has changed the row."""
    try:
        return OpenedAccount(account, open_kept_account(context.own, account))
    except Parked:
        raise ValueError(f"the account kept of {account.participant_id} does not open") from None


def _counts(
    tx: Transaction, message: Message[upstream.AccountLinked], account: StoredAccount, latest: StoredAccount | None
) -> bool:
    """Only what was linked later than what stands; at the same time there can be but one."""
    if latest is None or account.linked_at > latest.linked_at:
        return True
    if account.linked_at == latest.linked_at and account.content_digest != latest.content_digest:
        tx.park(message, ParkReason.CONFLICT)
    return False


def _admission_of(known: Mapping[str, Sequence[Admission]], person: str) -> Admission | None:
    return next((admission for admission in known[person] if admission.admitted), None)


def _is_same_account(context: Context, opened: OpenedAccount, announced: enrollment.AccountLinked) -> bool:
    """Tell whether this account is the one announced, as far as the announcement tells."""
    account = opened.account
    try:
        number = open_linked_account(context.for_payment, announced)
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
    """Say whose account it is, unless that was `said` before a restore; keep no more of it than that it was said."""
    account = opened.account
    if announced:
        return account._replace(same_identity=announced.same_identity, sealed=None, identity_index=None)
    same_identity = account.identity_index == admission.identity_index
    event = seal_linked_account(
        context.for_payment,
        opened.number,
        participant_id=account.participant_id,
        partner=account.partner,
        verified=account.verified,
        same_identity=same_identity,
        linked_at=account.linked_at,
    )
    tx.emit(enrollment.ACCOUNT_LINKED, event, lane=account.lane, key=account.participant_id, trace=trace)
    return account._replace(same_identity=same_identity, sealed=None, identity_index=None)


async def _forget(
    tx: Transaction, announced: Mapping[LinkKey, enrollment.AccountLinked], accounts: Mapping[str, StoredAccount]
) -> None:
    """One that is kept is still to be announced, or not; of others the rows say it now."""
    await forget_accounts(
        tx, announced, {person: one for person, one in accounts.items() if one.same_identity is not None}
    )
