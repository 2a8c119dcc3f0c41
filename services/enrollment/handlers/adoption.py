"""Adoption after a restore: announced decisions stay, in whatever order their causes are read again.

Keys are claimed and places are counted before anything is read. A decision is remembered until its cause is read again,
and is then stored as it was announced.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.enrollment.domain.claim_kinds import NIK, REDEEM_CODE
from services.enrollment.domain.forfeit import ForfeitReason
from services.enrollment.domain.purchase import Training
from services.enrollment.store.accounts import StoredAccount
from services.enrollment.store.enrollments import Enrollment, load_enrollments_by_code
from services.enrollment.store.erasures import Erasure, erase_kept_accounts, insert_erasures
from services.enrollment.store.forfeits import StoredForfeit, insert_forfeits
from services.enrollment.store.voids import void_enrollments
from services.enrollment.store.waves import recount_promised
from shared.contracts import enrollment, upstream
from shared.contracts.enrollment import (
    ACCOUNT_LINKED,
    BALANCE_FORFEITED,
    ENROLLMENT_VOIDED,
    PARTICIPANT_ERASED,
    AccountLinked,
    BalanceForfeited,
    EnrollmentConfirmed,
    EnrollmentRejected,
    EnrollmentVoided,
    ParticipantAdmitted,
    ParticipantErased,
    ParticipantRefused,
)
from shared.contracts.events import EventType
from shared.contracts.park_reasons import Parked
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.personal_keys import destroy_secrets
from shared.messaging.transaction.remembered_events import (
    RememberedEvent,
    forget,
    forget_about,
    recall_parsed,
    remember,
)
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction
from shared.times import write_time

AnnouncedAdmission = ParticipantAdmitted | ParticipantRefused
AnnouncedPurchase = EnrollmentConfirmed | EnrollmentRejected
AdoptedEvent = (
    AnnouncedAdmission | AnnouncedPurchase | EnrollmentVoided | BalanceForfeited | AccountLinked | ParticipantErased
)

ADMISSIONS: Mapping[str, EventType[Any]] = {
    event.name: event for event in (enrollment.PARTICIPANT_ADMITTED, enrollment.PARTICIPANT_REFUSED)
}
PURCHASES: Mapping[str, EventType[Any]] = {
    event.name: event for event in (enrollment.ENROLLMENT_CONFIRMED, enrollment.ENROLLMENT_REJECTED)
}
ADOPTED_EVENTS = {
    **ADMISSIONS,
    **PURCHASES,
    ACCOUNT_LINKED.name: ACCOUNT_LINKED,
    PARTICIPANT_ERASED.name: PARTICIPANT_ERASED,
    ENROLLMENT_VOIDED.name: ENROLLMENT_VOIDED,
    BALANCE_FORFEITED.name: BALANCE_FORFEITED,
}
LinkKey = tuple[str, datetime]
"""(participant, linked at)."""

# Fields of a purchase that its confirmation repeats, besides price and sessions.
STATED_FIELDS = (
    "participant_id",
    "platform",
    "provider_id",
    "course_code",
    "schedule_code",
    "mode",
    "hours",
    "purchased_at",
)


@dataclass(frozen=True, slots=True)
class AnnouncedPurchases:
    """Decisions and voids that were announced of one participant before a restore, by redeem code."""

    decisions: dict[str, AnnouncedPurchase] = field(default_factory=dict)
    voids: dict[str, EnrollmentVoided] = field(default_factory=dict)

    def trainings(self) -> list[Training]:
        """Return the trainings that were confirmed, though their purchases are still to be read again."""
        return [
            _training(event, self.voids.get(code))
            for code, event in self.decisions.items()
            if isinstance(event, EnrollmentConfirmed)
        ]

    def with_void(self, one: Enrollment) -> Enrollment:
        """Return the enrollment with the void that was announced of it, if there was one."""
        void = self.voids.get(one.redeem_code)
        return one._replace(voided_at=void.voided_at, void_reason=void.reason) if void else one


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Claim the keys of announced decisions, count the places they used, and remember each decision; store forfeits.

    A missing event does no harm: its cause is decided again. A key that another participant has claimed meanwhile stays
    theirs; once the announced decision is stored, `verify` reports it.
    """
    wanted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    remembered, waves = [], set()
    voids: list[EnrollmentVoided] = []
    erasures: dict[str, Erasure] = {}
    forfeits: list[StoredForfeit] = []
    for _, outbox_event in tail.events():
        event = _parse(outbox_event)
        if isinstance(event, AnnouncedAdmission):
            remembered.append(
                RememberedEvent(outbox_event.type, _admission_key(event), event.participant_id, outbox_event.data)
            )
        elif isinstance(event, AccountLinked):
            remembered.append(
                RememberedEvent(outbox_event.type, _link_key(_link_of(event)), event.participant_id, outbox_event.data)
            )
        elif isinstance(event, EnrollmentVoided):
            voids.append(event)
        elif isinstance(event, ParticipantErased):
            erasures[event.participant_id] = Erasure(event.participant_id, tail.lane, event.erased_at)
        elif isinstance(event, BalanceForfeited):
            forfeits.append(_forfeit(event, tail.lane))
        elif event is not None:
            remembered.append(
                RememberedEvent(outbox_event.type, event.redeem_code, event.participant_id, outbox_event.data)
            )
            wanted[REDEEM_CODE][event.redeem_code] = event.participant_id
        if isinstance(event, ParticipantAdmitted):
            wanted[NIK][event.identity_index] = event.participant_id
            waves.add(event.wave)
    for kind, owners in sorted(wanted.items()):
        await tx.claim(kind, owners)
    remembered += await _void_known(tx, voids)
    await insert_forfeits(tx.connection, forfeits, tx.now)
    await remember(tx, tail.lane, remembered)
    await _erase_again(tx, erasures)
    await recount_promised(tx.connection, waves)


async def load_announced_admissions(
    tx: Transaction, people: Collection[str]
) -> dict[tuple[str, str], AnnouncedAdmission]:
    """Return announced decisions whose application was not read again yet, by (participant, wave)."""
    remembered = await recall_parsed(tx, people, *ADMISSIONS.values())
    return {(one.owner, one.data.wave): one.data for one in remembered}


async def forget_admissions(tx: Transaction, events: Collection[AnnouncedAdmission]) -> None:
    """Forget announced decisions that are stored as admissions now, which hold their places."""
    if events:
        await forget(tx, [_admission_key(one) for one in events], *ADMISSIONS)
        await recount_promised(tx.connection, {one.wave for one in events})


async def load_announced_purchases(tx: Transaction, people: Collection[str]) -> dict[str, AnnouncedPurchases]:
    """Return announced decisions and voids whose purchase was not read again yet, by participant."""
    found: defaultdict[str, AnnouncedPurchases] = defaultdict(AnnouncedPurchases)
    for one in await recall_parsed(tx, people, *PURCHASES.values(), ENROLLMENT_VOIDED):
        if isinstance(one.data, EnrollmentVoided):
            found[one.owner].voids[one.key] = one.data
        else:
            found[one.owner].decisions[one.key] = one.data
    return dict(found)


async def forget_purchases(tx: Transaction, redeem_codes: Iterable[str]) -> None:
    """Forget announced decisions and voids of purchases that are stored as decided now."""
    await forget(tx, list(redeem_codes), *PURCHASES, ENROLLMENT_VOIDED.name)


async def load_announced_accounts(tx: Transaction, people: Collection[str]) -> dict[LinkKey, AccountLinked]:
    """Return announced accounts that were not read again yet, by (participant, linked at)."""
    return {_link_of(one.data): one.data for one in await recall_parsed(tx, people, ACCOUNT_LINKED)}


async def forget_accounts(tx: Transaction, links: Iterable[LinkKey], standing: Mapping[str, StoredAccount]) -> None:
    """Forget announced accounts that are stored now, or are older than the stored one."""
    keys = [_link_key((person, at)) for person, at in links if person in standing and at <= standing[person].linked_at]
    await forget(tx, keys, ACCOUNT_LINKED.name)


def is_same_purchase(purchase: upstream.TrainingPurchased, announced: AnnouncedPurchase) -> bool:
    """Return True if the purchase fits the announced decision, as far as the decision repeats it."""
    if isinstance(announced, EnrollmentRejected):
        return purchase.participant_id == announced.participant_id
    return _stated_values(purchase) == _stated_values(announced)


def _stated_values(event: upstream.TrainingPurchased | EnrollmentConfirmed) -> Sequence[object]:
    sessions = [(session.sequence, session.starts_at, session.ends_at) for session in event.sessions]
    return [event.price.value, sessions, *(getattr(event, name) for name in STATED_FIELDS)]


async def forget_accounts_of(tx: Transaction, people: Collection[str]) -> None:
    """Forget all announced accounts of these participants, who were erased."""
    await forget_about(tx, people, ACCOUNT_LINKED.name)


async def _erase_again(tx: Transaction, erasures: Mapping[str, Erasure]) -> None:
    """Erase those whom the backup does not know as erased; nothing is announced again."""
    if erasures:
        await insert_erasures(tx.connection, erasures.values())
        await erase_kept_accounts(tx.connection, erasures)
        await destroy_secrets(tx.connection, erasures)
        await forget_accounts_of(tx, erasures)


async def _void_known(tx: Transaction, voids: Sequence[EnrollmentVoided]) -> list[RememberedEvent]:
    """Void the enrollments that the backup holds as confirmed; return the voids that are still to be remembered."""
    if not voids:
        return []
    known = await load_enrollments_by_code(tx.connection, {void.redeem_code for void in voids})
    announced = AnnouncedPurchases(voids={void.redeem_code: void for void in voids})
    confirmed = [announced.with_void(one) for one in known.values() if one.confirmed]
    await void_enrollments(tx.connection, confirmed, [None] * len(confirmed), tx.now)
    return [
        RememberedEvent(ENROLLMENT_VOIDED.name, void.redeem_code, void.participant_id, ENROLLMENT_VOIDED.dump(void))
        for void in voids
        if void.redeem_code not in known or known[void.redeem_code].undecided
    ]


def _training(event: EnrollmentConfirmed, void: EnrollmentVoided | None) -> Training:
    ends_at = max(session.ends_at for session in event.sessions)
    voided_at = void.voided_at if void else None
    return Training(event.price.value, event.purchased_at, ends_at, None, None, voided_at=voided_at)


def _forfeit(event: BalanceForfeited, lane: int) -> StoredForfeit:
    reason = ForfeitReason(event.reason)
    return StoredForfeit(event.participant_id, event.forfeited_at, lane, event.wave, event.amount.value, reason)


def _parse(
    outbox_event: OutboxEvent,
) -> AdoptedEvent | None:
    """Parse an event that must be adopted; None for other types, and for one that cannot be parsed."""
    event = ADOPTED_EVENTS.get(outbox_event.type)
    try:
        return event.parse(outbox_event.data) if event else None
    except Parked:
        return None


def _admission_key(event: AnnouncedAdmission) -> str:
    return f"{event.participant_id}/{event.wave}"


def _link_of(event: AccountLinked) -> LinkKey:
    return event.participant_id, event.linked_at


def _link_key(link: LinkKey) -> str:
    person, linked_at = link
    return f"{person}/{write_time(linked_at)}"
