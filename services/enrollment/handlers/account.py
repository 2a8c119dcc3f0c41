"""An account is linked: does it belong to the participant? The latest counts; payment holds when it does not fit."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.enrollment.handlers import PARTICIPANT, Context
from services.enrollment.handlers.adoption import Link, accounts_said, forget_accounts
from services.enrollment.handlers.content import open_account
from services.enrollment.handlers.keeping import open_kept, seal_kept
from services.enrollment.store.account import Account, load_accounts, save_accounts
from services.enrollment.store.admission import Admission, load_admissions
from shared.contracts import enrollment, upstream
from shared.contracts.reasons import Parked, ParkReason
from shared.contracts.sealed import Secret
from shared.contracts.sealed_fields import linked_account, open_linked_account
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction import Transaction


class Linked(NamedTuple):
    """An account whose seal has just been opened, neither announced nor sealed again yet."""

    account: Account
    number: Secret

    @property
    def key(self) -> Link:
        return self.account.participant_id, self.account.linked_at


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[upstream.AccountLinked]]) -> None:
    """Of somebody refused the account is kept: a later wave may admit them."""
    people = {message.data.participant_id for message in messages}
    known = await load_admissions(tx.connection, people)
    latest = await load_accounts(tx.connection, people)
    said = await accounts_said(tx, people)
    changed: dict[str, Account] = {}
    for message in messages:
        person = message.data.participant_id
        linked = _open(context, tx, message)
        if linked is None or not _counts(tx, message, linked.account, latest.get(person)):
            continue
        word = said.get(linked.key)
        if word and not _is_of(context, linked, word):
            tx.park(message, ParkReason.CONFLICT)
            continue
        if person not in known:
            tx.wait(message, PARTICIPANT, person)
            continue
        admission = _admission_of(known, person)
        latest[person] = linked.account
        changed[person] = (
            _keep(context, linked)
            if admission is None
            else _announce(context, tx, linked, admission, word, message.trace)
        )
    if changed:
        await save_accounts(tx.connection, changed.values())
    await _forget(tx, said, {**latest, **changed})


async def announce_kept_accounts(context: Context, tx: Transaction, admissions: Sequence[Admission]) -> None:
    """Somebody refused before is admitted now: the account linked in between counts."""
    kept = await load_accounts(tx.connection, [admission.participant_id for admission in admissions])
    if not kept:
        return
    said = await accounts_said(tx, kept)
    announced = {}
    for admission in admissions:
        if account := kept.get(admission.participant_id):
            linked = _take_out(context, account)
            announced[account.participant_id] = _announce(context, tx, linked, admission, said.get(linked.key), None)
    await save_accounts(tx.connection, announced.values())
    await _forget(tx, said, announced)


def _open(context: Context, tx: Transaction, message: Message[upstream.AccountLinked]) -> Linked | None:
    data = message.data
    try:
        number, index, digest = open_account(context, data)
    except Parked as parked:
        tx.park(message, parked.reason, parked.detail or "/account/sealed")
        return None
    account = Account(
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
    return Linked(account, number)


def _keep(context: Context, linked: Linked) -> Account:
    return linked.account._replace(sealed=seal_kept(context.own, linked.account, linked.number))


def _take_out(context: Context, account: Account) -> Linked:
    """Raises ValueError when what was kept does not open: then its key is missing, or somebody has changed the row."""
    try:
        return Linked(account, open_kept(context.own, account))
    except Parked:
        raise ValueError(f"the account kept of {account.participant_id} does not open") from None


def _counts(
    tx: Transaction, message: Message[upstream.AccountLinked], account: Account, latest: Account | None
) -> bool:
    """Only what was linked later than what stands; at the same time there can be but one."""
    if latest is None or account.linked_at > latest.linked_at:
        return True
    if account.linked_at == latest.linked_at and account.content_digest != latest.content_digest:
        tx.park(message, ParkReason.CONFLICT)
    return False


def _admission_of(known: Mapping[str, Sequence[Admission]], person: str) -> Admission | None:
    return next((admission for admission in known[person] if admission.admitted), None)


def _is_of(context: Context, linked: Linked, said: enrollment.AccountLinked) -> bool:
    """Tell whether this account is the one announced, as far as the announcement tells."""
    account = linked.account
    try:
        number = open_linked_account(context.for_payment, said)
    except Parked:
        number = linked.number
    return (account.partner, account.verified, linked.number) == (said.partner, said.verified, number)


def _announce(
    context: Context,
    tx: Transaction,
    linked: Linked,
    admission: Admission,
    said: enrollment.AccountLinked | None,
    trace: str | None,
) -> Account:
    """Say whose account it is, unless that was `said` before a restore; keep no more of it than that it was said."""
    account = linked.account
    if said:
        return account._replace(same_identity=said.same_identity, sealed=None, identity_index=None)
    same_identity = account.identity_index == admission.identity_index
    event = linked_account(
        context.for_payment,
        linked.number,
        participant_id=account.participant_id,
        partner=account.partner,
        verified=account.verified,
        same_identity=same_identity,
        linked_at=account.linked_at,
    )
    tx.announce(enrollment.ACCOUNT_LINKED, event, lane=account.lane, key=account.participant_id, trace=trace)
    return account._replace(same_identity=same_identity, sealed=None, identity_index=None)


async def _forget(
    tx: Transaction, said: Mapping[Link, enrollment.AccountLinked], accounts: Mapping[str, Account]
) -> None:
    """One that is kept is still to be announced, or not; of others the rows say it now."""
    await forget_accounts(tx, said, {person: one for person, one in accounts.items() if one.same_identity is not None})
