"""A disbursement: one payment of one benefit, its states and the legal ways between them."""

from datetime import datetime
from typing import Any, NamedTuple

from services.payment.domain.entitlement import Component, Enrollment, Entitlement, Payee, component_of
from services.payment.domain.words import Word


class State(Word):
    """Where a disbursement stands. `due` and `rejected` are passed through within one transaction, never stored."""

    DUE = "due"
    HELD = "held"
    INSTRUCTED = "instructed"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"
    FAILED = "failed"


class HoldReason(Word):
    """What must be put right before a held disbursement can go."""

    NO_ACCOUNT = "no_account"
    ACCOUNT_OTHER_NIK = "account_other_nik"
    ACCOUNT_UNVERIFIED = "account_unverified"
    ACCOUNT_FULL = "account_full"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_INVALID = "account_invalid"
    NO_PROVIDER_ACCOUNT = "no_provider_account"
    NO_FUNDS = "no_funds"
    NEEDS_APPROVAL = "needs_approval"
    PARTNER_PAUSED = "partner_paused"
    HALTED = "halted"
    PARTNER_REJECTED = "partner_rejected"


TRANSITIONS = frozenset(
    {
        (State.DUE, State.HELD),
        (State.DUE, State.INSTRUCTED),
        (State.HELD, State.HELD),
        (State.HELD, State.INSTRUCTED),
        (State.HELD, State.SETTLED),
        (State.INSTRUCTED, State.ACCEPTED),
        (State.INSTRUCTED, State.SETTLED),
        (State.INSTRUCTED, State.REJECTED),
        (State.ACCEPTED, State.SETTLED),
        (State.ACCEPTED, State.REJECTED),
        (State.REJECTED, State.HELD),
        (State.REJECTED, State.FAILED),
    }
)
FINAL = frozenset({State.SETTLED, State.FAILED})
AT_THE_PARTNER = frozenset({State.INSTRUCTED, State.ACCEPTED})
PAID_OR_UNDER_WAY = AT_THE_PARTNER | {State.SETTLED}

# Put right by an account that is newer than the one last tried.
CURED_BY_ACCOUNT = frozenset(
    {
        HoldReason.NO_ACCOUNT,
        HoldReason.ACCOUNT_OTHER_NIK,
        HoldReason.ACCOUNT_UNVERIFIED,
        HoldReason.ACCOUNT_FULL,
        HoldReason.ACCOUNT_CLOSED,
        HoldReason.ACCOUNT_INVALID,
        HoldReason.NO_PROVIDER_ACCOUNT,
        HoldReason.PARTNER_REJECTED,
    }
)


class IllegalTransition(Exception):
    """A disbursement was asked to go where it must not: a broken invariant, never a wrong record."""


class Disbursement(NamedTuple):
    """One payment of one benefit. `amount` in rupiah.

    `attempt` counts from 1; 0 before the first. `reference` and `partner` are those of the latest attempt, and
    `tried_version` the version of the account that it went to (0: none, or not known any more). `frozen`: a person must
    look before another attempt, whatever it is held for.
    `look_again_at`: when the clock next looks at it, to ask the partner or to try again.
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
    look_again_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Identity: a benefit of an enrollment is paid once."""
        return (self.redeem_code, self.benefit)

    @property
    def component(self) -> Component:
        return component_of(self.benefit)

    @property
    def age(self) -> tuple[datetime, str, str]:
        """Sorts by age; the oldest comes first."""
        return (self.due_at, self.redeem_code, self.benefit)


def fall_due(enrollment: Enrollment, entitlement: Entitlement, now: datetime) -> Disbursement:
    """The disbursement of a right that has just become owed."""
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
    )


def hold(
    disbursement: Disbursement,
    reason: HoldReason,
    *,
    partner: str | None = None,
    look_again_at: datetime | None = None,
) -> Disbursement:
    """It waits for what the reason names. `partner`: the one it would go to, when that is known."""
    partner = partner or disbursement.partner
    return _transition(disbursement, State.HELD, reason=reason, partner=partner, look_again_at=look_again_at)


def freeze(disbursement: Disbursement) -> Disbursement:
    """Keep it from another attempt until a person has looked; one that is held says so. What is final stays."""
    if disbursement.state in FINAL:
        return disbursement
    if disbursement.state in AT_THE_PARTNER:
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
    """The next attempt is on its way to the partner; if no word comes, the partner is asked at `ask_at`.

    What froze the right has been approved then, unless the attempt is `adopted`: it had been made already.
    """
    return _transition(
        disbursement,
        State.INSTRUCTED,
        reason=None,
        attempt=disbursement.attempt + 1,
        reference=reference,
        partner=partner,
        tried_version=account_version,
        frozen=disbursement.frozen and adopted,
        look_again_at=ask_at,
    )


def accept(disbursement: Disbursement, ask_at: datetime) -> Disbursement:
    """The partner has taken it; the final word is still to come."""
    return _transition(disbursement, State.ACCEPTED, look_again_at=ask_at)


def settle(disbursement: Disbursement) -> Disbursement:
    """Paid, for ever. Raises IllegalTransition for one that is held, which takes a confirmation."""
    if disbursement.state is State.HELD:
        raise IllegalTransition(f"{disbursement.key} is held and was not confirmed")
    return _transition(disbursement, State.SETTLED, frozen=False, look_again_at=None)


def confirm(disbursement: Disbursement, reference: str, partner: str) -> Disbursement:
    """Paid, under a reference that its partner had rejected. Raises IllegalTransition for one that is not frozen."""
    if not disbursement.frozen:
        raise IllegalTransition(f"{disbursement.key} is not frozen")
    changes = {"reason": None, "reference": reference, "partner": partner, "frozen": False, "look_again_at": None}
    return _transition(disbursement, State.SETTLED, **changes)


def reject(disbursement: Disbursement) -> Disbursement:
    """This attempt has failed; what follows depends on the reason."""
    return _transition(disbursement, State.REJECTED, look_again_at=None)


def fail(disbursement: Disbursement) -> Disbursement:
    """It can never be paid."""
    return _transition(disbursement, State.FAILED)


def postpone_status_check(disbursement: Disbursement, ask_at: datetime) -> Disbursement:
    """No word yet: the partner is asked, and asked again at `ask_at`."""
    return disbursement._replace(look_again_at=ask_at)


def _transition(disbursement: Disbursement, state: State, **changes: Any) -> Disbursement:
    if (disbursement.state, state) not in TRANSITIONS:
        raise IllegalTransition(f"{disbursement.state} -> {state} of {disbursement.key}")
    return disbursement._replace(state=state, **changes)
