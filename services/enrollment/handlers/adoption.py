"""Recover after a restore: what was announced stands, in whatever order its causes are read again.

Keys are claimed and places are kept before anything is read; a decision is remembered until what it was about comes
again, and is taken then as it was announced.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.enrollment.handlers import NIK, REDEEM_CODE
from services.enrollment.store.account import Account
from services.enrollment.store.wave import recount_promised
from shared.contracts import enrollment, upstream
from shared.contracts.enrollment import (
    ACCOUNT_LINKED,
    AccountLinked,
    EnrollmentConfirmed,
    EnrollmentRejected,
    ParticipantAdmitted,
    ParticipantRefused,
)
from shared.contracts.events import EventType
from shared.contracts.reasons import Parked
from shared.messaging.memory import Word, forget, recall, remember
from shared.messaging.page import Said
from shared.messaging.subscription import Tail
from shared.messaging.transaction import Transaction
from shared.times import write_time

AdmissionSaid = ParticipantAdmitted | ParticipantRefused
PurchaseSaid = EnrollmentConfirmed | EnrollmentRejected

ADMISSIONS: Mapping[str, EventType[Any]] = {
    event.name: event for event in (enrollment.PARTICIPANT_ADMITTED, enrollment.PARTICIPANT_REFUSED)
}
PURCHASES: Mapping[str, EventType[Any]] = {
    event.name: event for event in (enrollment.ENROLLMENT_CONFIRMED, enrollment.ENROLLMENT_REJECTED)
}
TAKEN_OVER = {**ADMISSIONS, **PURCHASES, ACCOUNT_LINKED.name: ACCOUNT_LINKED}
Link = tuple[str, datetime]
"""(participant, when they linked the account)."""

# What a purchase states and its confirmation repeats, price and sessions apart.
STATED = (
    "participant_id",
    "platform",
    "provider_id",
    "course_code",
    "schedule_code",
    "mode",
    "hours",
    "purchased_at",
)


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Claim what was announced as somebody's, keep the places that were given away, and remember each decision.

    A hole does no harm: what is missing is decided anew from what upstream sent. What somebody else holds by now is not
    taken from them: `verify` names it once it has been decided as it was announced.
    """
    wanted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    words, waves = [], set()
    for _, said in tail.events():
        event = _parse(said)
        if isinstance(event, AdmissionSaid):
            words.append(Word(said.type, _key(event), event.participant_id, said.data))
        elif isinstance(event, AccountLinked):
            words.append(Word(said.type, _link_key(_link(event)), event.participant_id, said.data))
        elif event is not None:
            words.append(Word(said.type, event.redeem_code, event.participant_id, said.data))
            wanted[REDEEM_CODE][event.redeem_code] = event.participant_id
        if isinstance(event, ParticipantAdmitted):
            wanted[NIK][event.identity_index] = event.participant_id
            waves.add(event.wave)
    for kind, owners in sorted(wanted.items()):
        await tx.claim(kind, owners)
    await remember(tx, tail.lane, words)
    await recount_promised(tx.connection, waves)


async def admissions_said(tx: Transaction, people: Collection[str]) -> dict[tuple[str, str], AdmissionSaid]:
    """(participant, wave) -> what had been decided about an application that has not been read again yet."""
    words = [ADMISSIONS[word.type].parse(word.data) for word in await recall(tx, people, *ADMISSIONS)]
    return {(said.participant_id, said.wave): said for said in words}


async def forget_admissions(tx: Transaction, said: Collection[AdmissionSaid]) -> None:
    """From now on the rows say it: the places that were kept are taken."""
    if said:
        await forget(tx, [_key(one) for one in said], *ADMISSIONS)
        await recount_promised(tx.connection, {one.wave for one in said})


async def purchases_said(tx: Transaction, people: Collection[str]) -> dict[str, dict[str, PurchaseSaid]]:
    """Participant -> redeem code -> what had been decided about a purchase that has not been read again yet."""
    found: defaultdict[str, dict[str, PurchaseSaid]] = defaultdict(dict)
    for word in await recall(tx, people, *PURCHASES):
        found[word.owner][word.key] = PURCHASES[word.type].parse(word.data)
    return dict(found)


async def forget_purchases(tx: Transaction, redeem_codes: Iterable[str]) -> None:
    """From now on the rows say it."""
    await forget(tx, list(redeem_codes), *PURCHASES)


async def accounts_said(tx: Transaction, people: Collection[str]) -> dict[Link, AccountLinked]:
    """(participant, linked at) -> what was announced of an account that has not been read again yet."""
    words = [ACCOUNT_LINKED.parse(word.data) for word in await recall(tx, people, ACCOUNT_LINKED.name)]
    return {_link(said): said for said in words}


async def forget_accounts(tx: Transaction, said: Iterable[Link], standing: Mapping[str, Account]) -> None:
    """Forget what was announced of accounts that stand now or are older: the rows say it, or nobody asks any more."""
    keys = [_link_key((person, at)) for person, at in said if person in standing and at <= standing[person].linked_at]
    await forget(tx, keys, ACCOUNT_LINKED.name)


def is_of(purchase: upstream.TrainingPurchased, said: PurchaseSaid) -> bool:
    """Tell whether this purchase is the one announced, as far as the announcement tells."""
    if isinstance(said, EnrollmentRejected):
        return purchase.participant_id == said.participant_id
    return _stated(purchase) == _stated(said)


def _stated(said: upstream.TrainingPurchased | EnrollmentConfirmed) -> Sequence[object]:
    sessions = [(session.sequence, session.starts_at, session.ends_at) for session in said.sessions]
    return [said.price.value, sessions, *(getattr(said, name) for name in STATED)]


def _parse(said: Said) -> AdmissionSaid | PurchaseSaid | AccountLinked | None:
    """None for what nobody decides again, and for what cannot be read."""
    event = TAKEN_OVER.get(said.type)
    try:
        return event.parse(said.data) if event else None
    except Parked:
        return None


def _key(said: AdmissionSaid) -> str:
    return f"{said.participant_id}/{said.wave}"


def _link(said: AccountLinked) -> Link:
    return said.participant_id, said.linked_at


def _link_key(link: Link) -> str:
    person, linked_at = link
    return f"{person}/{write_time(linked_at)}"
