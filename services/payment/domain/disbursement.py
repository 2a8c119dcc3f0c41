"""Disbursement: one payment of one benefit, its states and the legal transitions between them."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.entitlement import (
    Annulment,
    Component,
    Enrollment,
    Entitlement,
    Payee,
    annulment_of,
    component_of,
)
from shared.errors import InvariantBroken


class State(StrEnum):
    """State of a disbursement. `due`, `rejected` and `returned` last only within one transaction, never stored."""

    DUE = "due"
    HELD = "held"
    INSTRUCTED = "instructed"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FORFEITED = "forfeited"


class HoldReason(StrEnum):
    """Obstacle that keeps a held disbursement from being paid; `domain/cures.py` names what removes it."""

    NO_ACCOUNT = "no_account"
    ACCOUNT_OTHER_NIK = "account_other_nik"
    ACCOUNT_UNVERIFIED = "account_unverified"
    ACCOUNT_FULL = "account_full"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_INVALID = "account_invalid"
    SHARED_ACCOUNT = "shared_account"
    NO_PROVIDER_ACCOUNT = "no_provider_account"
    NO_FUNDS = "no_funds"
    NEEDS_APPROVAL = "needs_approval"
    PARTNER_PAUSED = "partner_paused"
    HALTED = "halted"
    PARTNER_REJECTED = "partner_rejected"
    PARTICIPANT_BLOCKED = "participant_blocked"


TRANSITIONS = frozenset(
    {
        (State.DUE, State.HELD),
        (State.DUE, State.INSTRUCTED),
        (State.DUE, State.CANCELLED),
        (State.DUE, State.FORFEITED),
        (State.HELD, State.HELD),
        (State.HELD, State.INSTRUCTED),
        (State.HELD, State.SETTLED),
        (State.HELD, State.CANCELLED),
        (State.HELD, State.FORFEITED),
        (State.INSTRUCTED, State.ACCEPTED),
        (State.INSTRUCTED, State.SETTLED),
        (State.INSTRUCTED, State.REJECTED),
        (State.ACCEPTED, State.SETTLED),
        (State.ACCEPTED, State.REJECTED),
        (State.REJECTED, State.HELD),
        (State.REJECTED, State.FAILED),
        (State.SETTLED, State.RETURNED),
        (State.RETURNED, State.HELD),
        (State.RETURNED, State.FAILED),
    }
)
FINAL = frozenset({State.SETTLED, State.FAILED, State.CANCELLED, State.FORFEITED})
"""States that nothing changes, but for a payment whose money is returned."""
AT_THE_PARTNER = frozenset({State.INSTRUCTED, State.ACCEPTED})
PAID_OR_UNDER_WAY = AT_THE_PARTNER | {State.SETTLED}

DisbursementKey = tuple[str, str]
"""(redeem code, benefit): a benefit of an enrollment is paid once."""


class IllegalTransition(InvariantBroken):
    """A step of a disbursement that the table of transitions does not allow; no record can cause it."""


class Disbursement(NamedTuple):
    """One payment of one benefit. `amount` in rupiah.

    `attempt` counts from 1; 0 before the first. `reference` and `partner` belong to the latest attempt, `tried_version`
    is the version of the account that it went to (0: none, or no longer known). `frozen`: no other attempt is made
    before a person has reviewed the payment, whatever it is held for. `next_check_at` comes from one of two columns:
    `ask_at` while the disbursement is at a partner, `retry_at` while it is held. `annulled`: its training earns nothing
    any more, or its participant was erased, so it is cancelled if it is held; what its partner has paid of an annulled
    training is claimed back. `past_cut_off`: a rejection that would be final forfeits it.
    """

    redeem_code: str
    benefit: str
    participant_id: str
    lane: int
    wave: str
    payee: Payee
    provider_id: str
    amount: int
    due_at: datetime
    state: State = State.DUE
    reason: HoldReason | None = None
    attempt: int = 0
    reference: str | None = None
    partner: str | None = None
    tried_version: int = 0
    frozen: bool = False
    next_check_at: datetime | None = None
    annulled: Annulment | None = None
    past_cut_off: bool = False

    @property
    def key(self) -> DisbursementKey:
        return (self.redeem_code, self.benefit)

    @property
    def component(self) -> Component:
        return component_of(self.benefit)

    @property
    def ask_at(self) -> datetime | None:
        """Time of the next request for its status; None while it is held."""
        return self.next_check_at if self.reason is None else None

    @property
    def retry_at(self) -> datetime | None:
        """Time from which the timer `retry` may make another attempt; None unless it is held and queued for that."""
        return self.next_check_at if self.reason is not None else None

    @property
    def age(self) -> tuple[datetime, str, str]:
        """Sort key by which the oldest comes first."""
        return (self.due_at, self.redeem_code, self.benefit)


def fall_due(enrollment: Enrollment, entitlement: Entitlement, now: datetime) -> Disbursement:
    """Return the disbursement of an entitlement that has just fallen due."""
    annulment = annulment_of(enrollment)
    return Disbursement(
        redeem_code=enrollment.redeem_code,
        benefit=entitlement.benefit,
        participant_id=enrollment.participant_id,
        lane=enrollment.lane,
        wave=enrollment.wave,
        payee=entitlement.payee,
        provider_id=enrollment.provider_id,
        amount=entitlement.amount,
        due_at=now,
        annulled=annulment[0] if annulment else None,
    )


def hold(
    disbursement: Disbursement,
    reason: HoldReason,
    *,
    partner: str | None = None,
    next_check_at: datetime | None = None,
) -> Disbursement:
    """Return the disbursement held for a reason. `partner`: the one it would go to, when that is known."""
    _require_transition(disbursement, State.HELD)
    return disbursement._replace(
        state=State.HELD, reason=reason, partner=partner or disbursement.partner, next_check_at=next_check_at
    )


def freeze(disbursement: Disbursement) -> Disbursement:
    """Forbid another attempt until a person has reviewed the payment.

    A held one is held for `needs_approval` from then on, but for a block, which is shown above all; a final one is
    returned as it is.
    """
    if disbursement.state in FINAL:
        return disbursement
    if disbursement.state in AT_THE_PARTNER or disbursement.reason is HoldReason.PARTICIPANT_BLOCKED:
        return disbursement._replace(frozen=True)
    return hold(disbursement._replace(frozen=True), HoldReason.NEEDS_APPROVAL)


def instruct(
    disbursement: Disbursement,
    reference: str,
    partner: str,
    account_version: int,
    ask_at: datetime,
    *,
    adopted: bool = False,
) -> Disbursement:
    """Return the disbursement with its next attempt at a partner, which is asked at `ask_at` if it has not answered.

    A frozen one has been approved by then. One whose attempt is `adopted` stays frozen: the attempt was made earlier.
    """
    _require_transition(disbursement, State.INSTRUCTED)
    return disbursement._replace(
        state=State.INSTRUCTED,
        reason=None,
        attempt=disbursement.attempt + 1,
        reference=reference,
        partner=partner,
        tried_version=account_version,
        frozen=disbursement.frozen and adopted,
        next_check_at=ask_at,
    )


def accept(disbursement: Disbursement, ask_at: datetime) -> Disbursement:
    """Return the disbursement accepted by its partner, which is asked at `ask_at` if no final report has come."""
    _require_transition(disbursement, State.ACCEPTED)
    return disbursement._replace(state=State.ACCEPTED, next_check_at=ask_at)


def settle(disbursement: Disbursement) -> Disbursement:
    """Return the disbursement paid: for ever, unless the money is returned.

    Raise IllegalTransition for one that is held: that takes a confirmation.
    """
    if disbursement.state is State.HELD:
        raise IllegalTransition(_subject(disbursement), "it is held, and nobody has confirmed that it was paid")
    _require_transition(disbursement, State.SETTLED)
    return disbursement._replace(state=State.SETTLED, frozen=False, next_check_at=None)


def confirm(disbursement: Disbursement, reference: str, partner: str) -> Disbursement:
    """Return the disbursement paid under a reference that its partner had rejected.

    Raise IllegalTransition for one that is not frozen.
    """
    if not disbursement.frozen:
        raise IllegalTransition(_subject(disbursement), "only a frozen disbursement can be confirmed as paid")
    _require_transition(disbursement, State.SETTLED)
    return disbursement._replace(
        state=State.SETTLED, reason=None, reference=reference, partner=partner, frozen=False, next_check_at=None
    )


def reject(disbursement: Disbursement) -> Disbursement:
    """Return the disbursement with its latest attempt rejected; the reason decides the next step."""
    _require_transition(disbursement, State.REJECTED)
    return disbursement._replace(state=State.REJECTED, next_check_at=None)


def book_back(disbursement: Disbursement, annulled: Annulment | None) -> Disbursement:
    """Return the disbursement with its money returned; the reason decides the next step.

    `annulled`: what ended the right of its training, also since it was paid.
    """
    _require_transition(disbursement, State.RETURNED)
    returned = disbursement._replace(state=State.RETURNED)
    return returned if annulled is None else annul(returned, annulled)


def fail(disbursement: Disbursement) -> Disbursement:
    """Return the disbursement as one that can never be paid."""
    _require_transition(disbursement, State.FAILED)
    return disbursement._replace(state=State.FAILED)


def annul(disbursement: Disbursement, annulment: Annulment) -> Disbursement:
    """Return the disbursement marked as annulled; a final one is returned as it is.

    The first mark counts, but for an erasure: the end of the training itself is marked above that.
    """
    marked = disbursement.annulled is not None and disbursement.annulled is not Annulment.ERASED
    if disbursement.state in FINAL or marked:
        return disbursement
    return disbursement._replace(annulled=annulment)


def cancel(disbursement: Disbursement) -> Disbursement:
    """Return the disbursement cancelled, for ever. Raise IllegalTransition for one that is not annulled."""
    if disbursement.annulled is None:
        raise IllegalTransition(_subject(disbursement), "it is not annulled, so it cannot be cancelled")
    _require_transition(disbursement, State.CANCELLED)
    return disbursement._replace(state=State.CANCELLED, reason=None, frozen=False, next_check_at=None)


def forfeit(disbursement: Disbursement) -> Disbursement:
    """Return the disbursement forfeited, for ever: it was not under way at the cut-off of its wave."""
    _require_transition(disbursement, State.FORFEITED)
    return disbursement._replace(state=State.FORFEITED, reason=None, frozen=False, next_check_at=None)


def postpone_status_check(disbursement: Disbursement, ask_at: datetime) -> Disbursement:
    """Return the disbursement with the next request for its status due at `ask_at`."""
    return disbursement._replace(next_check_at=ask_at)


def _require_transition(disbursement: Disbursement, state: State) -> None:
    if (disbursement.state, state) not in TRANSITIONS:
        raise IllegalTransition(_subject(disbursement), f"no transition leads from {disbursement.state} to {state}")


def _subject(disbursement: Disbursement) -> str:
    return " ".join(disbursement.key)
