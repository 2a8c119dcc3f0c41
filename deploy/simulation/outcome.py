"""Expected outcomes of people, from their personas and acts alone: no rule is shared with the services."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache

from deploy.simulation.people import FOUND_FALSE, TIMELINE_ENDS_AT, Person, Persona
from deploy.simulation.scheme import incentive_amounts, survey_amount, survey_times
from deploy.simulation.steps import Act, acts_until
from deploy.simulation.timeline import ANSWER_SURVEYS, last_session_ends_at, rated_at

JAKARTA = timezone(timedelta(hours=7))
DAYS_TO_COMPLETE = 30
REFUSED_FOR = {
    Persona.TOO_YOUNG: "age_out_of_range",
    Persona.WRONG_BIRTH_DATE: "nik_invalid",
    Persona.SAME_NIK: "nik_already_admitted",
    Persona.ADMITTED_LATE: "wave_closed",
    Persona.WAVE_FULL: "wave_full",
}
REJECTED_FOR = {
    Persona.TOO_DEAR: "balance_insufficient",
    Persona.TOO_SHORT: "hours_too_few",
    Persona.CLASS_TOO_LARGE: "class_too_large",
    Persona.ABOVE_APPROVED: "price_above_approved",
    Persona.NOT_APPROVED: "course_not_approved",
    Persona.BUYS_LATE: "first_purchase_late",
    Persona.BUYS_WHILE_BLOCKED: "participant_blocked",
    Persona.SEMI_BANSOS_OFFLINE: "mode_not_allowed",
} | dict.fromkeys(REFUSED_FOR, "not_admitted")
NEXT_REJECTED_FOR = {
    Persona.BUYS_TOO_SOON: "previous_not_completed",
    Persona.BUYS_NEXT_LATE: "next_purchase_late",
}
UNFINISHED = frozenset({Persona.NEVER_FINISHES, Persona.TOO_EARLY, Persona.FRAUD_FOUND_FIRST})
CASH_HELD_FOR = {
    Persona.NO_ACCOUNT: "no_account",
    Persona.VOIDED_WHILE_HELD: "no_account",
    Persona.OTHER_NIK: "account_other_nik",
    Persona.CLOSED: "account_closed",
    Persona.CONTRADICTED: "needs_approval",
}


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """State that a benefit must end in, rupiah, the reason if it is held or cancelled, and that of a claim on it."""

    state: str
    amount: int
    reason: str = ""
    claimed_for: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedTraining:
    """End of one purchase; `rejected` and `expired` are reasons, or empty. `rated`: it was rated before its proof."""

    redeem_code: str
    rejected: str = ""
    rated: bool = False
    completed: bool = False
    voided: bool = False
    revoked: bool = False
    expired: str = ""
    payments: Mapping[str, ExpectedPayment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """State that must be observed of a person by a time; `refused` is the reason, or empty."""

    person: Person
    refused: str
    blocked: bool
    trainings: tuple[ExpectedTraining, ...]


@cache
def expected_outcome(person: Person, at: datetime = TIMELINE_ENDS_AT, steps: int | None = None) -> ExpectedOutcome:
    """Return the outcome at a time on the programme's clock, after the first so many steps; None: after all."""
    acts = acts_until(person.persona, steps)
    bought = [
        _expected_training(person, training, acts, at, is_next=number > 0)
        for number, training in enumerate(person.trainings)
        if (Act.BUY, Act.BUY_NEXT)[number] in acts
    ]
    return ExpectedOutcome(
        person,
        refused=REFUSED_FOR.get(person.persona, ""),
        blocked=Act.BLOCK in acts and Act.UNBLOCK not in acts,
        trainings=tuple(bought),
    )


def _expected_training(
    person: Person, training: Person, acts: frozenset[Act], at: datetime, *, is_next: bool
) -> ExpectedTraining:
    rejected = (NEXT_REJECTED_FOR if is_next else REJECTED_FOR).get(person.persona, "")
    proved = (Act.PROVE_NEXT if is_next else Act.PROVE) in acts
    completed = proved and not rejected and training.persona not in UNFINISHED
    voided = Act.VOID in acts and not is_next
    revoked = Act.REVOKE in acts and completed and person.persona in FOUND_FALSE
    overdue = _jakarta_day(at) > _jakarta_day(last_session_ends_at(training)) + timedelta(days=DAYS_TO_COMPLETE)
    expires = overdue and not (rejected or completed or voided)
    annulled_for = "voided" if voided else "revoked" if revoked else ""
    return ExpectedTraining(
        training.redeem_code,
        rejected,
        rated=Act.RATE in acts,
        completed=completed,
        voided=voided,
        revoked=revoked,
        expired="not_completed_in_time" if expires else "",
        payments={
            benefit: _expected_payment(person, benefit, amount, acts, annulled_for)
            for benefit, amount in _amounts_due(training, at, voided=voided).items()
            if completed
        },
    )


def _amounts_due(training: Person, at: datetime, *, voided: bool) -> dict[str, int]:
    """Return the rupiah of each benefit that a completed training has brought by a time.

    Nobody rates two trainings, so that no incentive falls due twice.
    """
    amounts = {"fee": training.price}
    rated = rated_at(training)
    if rated is not None:
        for month, amount in enumerate(incentive_amounts(training.wave)):
            if month == 0 or (_months_later(rated, month) <= at and not voided):
                amounts[f"incentive_{month + 1}"] = amount
    if training.persona in ANSWER_SURVEYS:
        for survey in range(1, survey_times(training.wave) + 1):
            amounts[f"survey_{survey}"] = survey_amount(training.wave)
    return amounts


def _expected_payment(
    person: Person, benefit: str, amount: int, acts: frozenset[Act], annulled_for: str
) -> ExpectedPayment:
    is_cash, is_blocked = benefit != "fee", Act.BLOCK in acts and Act.UNBLOCK not in acts
    held_for = CASH_HELD_FOR.get(person.persona, "") if is_cash else ""
    if is_blocked and person.persona is Persona.BLOCKED_AFTERWARDS:
        return ExpectedPayment("settled", amount, claimed_for="blocked" if is_cash else "")
    if is_blocked:
        held_for = "participant_blocked"
    if held_for:
        state = "cancelled" if annulled_for else "held"
        return ExpectedPayment(state, amount, annulled_for or held_for)
    return ExpectedPayment("settled", amount, claimed_for=annulled_for)


def _jakarta_day(moment: datetime) -> datetime:
    return moment.astimezone(JAKARTA).replace(hour=0, minute=0, second=0, microsecond=0)


def _months_later(moment: datetime, months: int) -> datetime:
    """Return the same time of day in Jakarta, calendar months later or on the last day of a shorter month."""
    local = moment.astimezone(JAKARTA)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
