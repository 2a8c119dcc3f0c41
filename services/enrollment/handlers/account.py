"""An account is linked: does it belong to the participant? The latest counts; payment holds when it does not fit."""

from collections.abc import Mapping, Sequence

from services.enrollment.handlers import PARTICIPANT, Context
from services.enrollment.handlers.content import open_account
from services.enrollment.store.account import Account, load_accounts, save_accounts
from services.enrollment.store.admission import Admission, load_admissions
from shared.contracts import enrollment, upstream
from shared.contracts.reasons import Parked, ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def link_accounts(context: Context, tx: Transaction, messages: Sequence[Message[upstream.AccountLinked]]) -> None:
    """Of somebody refused the account is kept: a later wave may admit them."""
    people = {message.data.participant_id for message in messages}
    known = await load_admissions(tx.connection, people)
    latest = await load_accounts(tx.connection, people)
    changed: dict[str, Account] = {}
    for message in messages:
        account = _open(context, tx, message)
        if account is None or not _counts(tx, message, account, latest.get(account.participant_id)):
            continue
        if account.participant_id not in known:
            tx.wait(message, PARTICIPANT, account.participant_id)
            continue
        admission = _admission_of(known, account.participant_id)
        latest[account.participant_id] = account
        changed[account.participant_id] = (
            account if admission is None else _announce(tx, account, admission, message.trace)
        )
    if changed:
        await save_accounts(tx.connection, changed.values())


async def announce_kept_accounts(tx: Transaction, admissions: Sequence[Admission]) -> None:
    """Somebody refused before is admitted now: the account linked in between counts."""
    kept = await load_accounts(tx.connection, [admission.participant_id for admission in admissions])
    announced = [
        _announce(tx, kept[admission.participant_id], admission, None)
        for admission in admissions
        if admission.participant_id in kept
    ]
    if announced:
        await save_accounts(tx.connection, announced)


def _open(context: Context, tx: Transaction, message: Message[upstream.AccountLinked]) -> Account | None:
    data = message.data
    try:
        index, digest = open_account(context, data)
    except Parked as parked:
        tx.park(message, parked.reason, parked.detail or "/account/sealed")
        return None
    assert message.lane is not None
    return Account(
        participant_id=data.participant_id,
        lane=message.lane,
        partner=data.account.partner,
        verified=data.kyc == "verified",
        linked_at=data.linked_at,
        content_digest=digest,
        same_identity=None,
        sealed=data.account.sealed,
        identity_index=index,
    )


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


def _announce(tx: Transaction, account: Account, admission: Admission, trace: str | None) -> Account:
    """Says whose account it is, and keeps no more of it than that it was said."""
    assert account.sealed is not None
    same_identity = account.identity_index == admission.identity_index
    event = enrollment.AccountLinked(
        participant_id=account.participant_id,
        partner=account.partner,
        account=account.sealed,
        verified=account.verified,
        same_identity=same_identity,
        linked_at=account.linked_at,
    )
    tx.announce(enrollment.ACCOUNT_LINKED, event, lane=account.lane, key=account.participant_id, trace=trace)
    return account._replace(same_identity=same_identity, sealed=None, identity_index=None)
