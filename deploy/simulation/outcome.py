"""Expected outcomes of people, from their personas and acts alone: no rule is shared with the services."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from deploy.simulation.calendar import end_of_day, jakarta_day, months_later
from deploy.simulation.forfeits import ExpectedForfeit, Purchase, expected_forfeits
from deploy.simulation.people import FOUND_FALSE, TIMELINE_ENDS_AT, Person, Persona
from deploy.simulation.scheme import cut_off_at, incentive_amounts, survey_amount, survey_times
from deploy.simulation.steps import Act, acts_until, steps_by
from deploy.simulation.timeline import ANSWER_SURVEYS, bought_at, last_session_ends_at, rated_at, voided_at

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
    Persona.HEARD_TOO_LATE: "first_purchase_late",
    Persona.BUYS_WHILE_BLOCKED: "participant_blocked",
    Persona.SEMI_BANSOS_OFFLINE: "mode_not_allowed",
} | dict.fromkeys(REFUSED_FOR, "not_admitted")
NEXT_REJECTED_FOR = {
    Persona.BUYS_TOO_SOON: "previous_not_completed",
    Persona.BUYS_NEXT_LATE: "next_purchase_late",
    Persona.NEXT_HEARD_TOO_LATE: "next_purchase_late",
}
UNFINISHED = frozenset({Persona.NEVER_FINISHES, Persona.TOO_EARLY, Persona.FRAUD_FOUND_FIRST})
CASH_HELD_FOR = {
    Persona.NO_ACCOUNT: "no_account",
    Persona.VOIDED_WHILE_HELD: "no_account",
    Persona.ERASED_WHILE_HELD: "no_account",
    Persona.OTHER_NIK: "account_other_nik",
    Persona.CLOSED: "account_closed",
    Persona.CONTRADICTED: "needs_approval",
}


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """State that a benefit must end in, rupiah, the reason if it is not paid, and that of a claim on it.

    `returned`: its partner returned it once.
    """

    state: str
    amount: int
    reason: str = ""
    claimed_for: str = ""
    returned: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedTraining:
    """End of one purchase; `rejected` and `expired` are reasons, or empty."""

    redeem_code: str
    rejected: str = ""
    completed: bool = False
    voided: bool = False
    revoked: bool = False
    expired: str = ""
    payments: Mapping[str, ExpectedPayment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """State that must be observed of a person by a time; `refused` is the reason, or empty.

    `forfeits`: what was taken of the balance, by the moment from which it is gone.
    """

    person: Person
    refused: str
    blocked: bool
    erased: bool
    forfeits: Mapping[datetime, ExpectedForfeit]
    trainings: tuple[ExpectedTraining, ...]


@cache
def expected_outcome(person: Person, at: datetime = TIMELINE_ENDS_AT, steps: int | None = None) -> ExpectedOutcome:
    """Return the outcome at a time on the programme's clock, after the first so many steps.

    None: after all that may have been taken by then.
    """
    acts = acts_until(person.persona, steps_by(person.persona, at) if steps is None else steps)
    bought = [
        (training, _expected_training(person, training, acts, at, is_next=number > 0))
        for number, training in enumerate(person.trainings)
        if (Act.BUY, Act.BUY_NEXT)[number] in acts
    ]
    refused = REFUSED_FOR.get(person.persona, "")
    purchases = [_purchase(training, outcome) for training, outcome in bought if not outcome.rejected]
    return ExpectedOutcome(
        person,
        refused=refused,
        blocked=Act.BLOCK in acts and Act.UNBLOCK not in acts,
        erased=Act.ERASE in acts,
        forfeits={} if refused else expected_forfeits(person.wave, person.admitted_at, purchases, at),
        trainings=tuple(outcome for _, outcome in bought),
    )


def _expected_training(
    person: Person, training: Person, acts: frozenset[Act], at: datetime, *, is_next: bool
) -> ExpectedTraining:
    rejected = (NEXT_REJECTED_FOR if is_next else REJECTED_FOR).get(person.persona, "")
    reopened = Act.REOPEN in acts and not is_next
    proved = reopened or (Act.PROVE_NEXT if is_next else Act.PROVE) in acts
    completed = proved and not rejected and training.persona not in UNFINISHED
    voided = Act.VOID in acts and not is_next
    revoked = Act.REVOKE in acts and completed and person.persona in FOUND_FALSE
    overdue = at >= end_of_day(jakarta_day(last_session_ends_at(training)), DAYS_TO_COMPLETE)
    expires = overdue and not (rejected or voided) and (reopened or not completed)
    annulled_for = "voided" if voided else "revoked" if revoked else ""
    return ExpectedTraining(
        training.redeem_code,
        rejected,
        completed=completed,
        voided=voided,
        revoked=revoked,
        expired="not_completed_in_time" if expires else "",
        payments={
            benefit: _forfeit_if_cut_off(_expected_payment(person, benefit, amount, acts, annulled_for), person, at)
            for benefit, amount in _amounts_due(training, at, voided=voided).items()
            if completed
        },
    )


def _purchase(training: Person, outcome: ExpectedTraining) -> Purchase:
    """Return a confirmed purchase; a training is completed on the day of its last session."""
    return Purchase(
        training.price,
        bought_at(training),
        completed_at=last_session_ends_at(training) if outcome.completed else None,
        voided_at=voided_at(training) if outcome.voided else None,
    )


def _amounts_due(training: Person, at: datetime, *, voided: bool) -> dict[str, int]:
    """Return the rupiah of each benefit that a completed training has brought by a time.

    Nobody rates two trainings, so that no incentive falls due twice.
    """
    amounts = {"fee": training.price}
    rated = rated_at(training)
    if rated is not None:
        for month, amount in enumerate(incentive_amounts(training.wave)):
            if month == 0 or (months_later(rated, month) <= at and not voided):
                amounts[f"incentive_{month + 1}"] = amount
    if training.persona in ANSWER_SURVEYS:
        for survey in range(1, survey_times(training.wave) + 1):
            amounts[f"survey_{survey}"] = survey_amount(training.wave)
    return amounts


def _expected_payment(
    person: Person, benefit: str, amount: int, acts: frozenset[Act], annulled_for: str
) -> ExpectedPayment:
    """Return what becomes of a benefit before the cut-off."""
    persona, is_cash = person.persona, benefit != "fee"
    ended_for = annulled_for or ("erased" if Act.ERASE in acts else "")
    if persona is Persona.ERASED_FIRST:
        return ExpectedPayment("cancelled", amount, ended_for)
    returned = is_cash and persona is Persona.RETURNED
    if returned and Act.LINK_ANOTHER not in acts:
        return ExpectedPayment("held", amount, "account_closed", returned=True)
    is_blocked = Act.BLOCK in acts and Act.UNBLOCK not in acts
    if is_blocked and persona is Persona.BLOCKED_AFTERWARDS:
        return ExpectedPayment("settled", amount, claimed_for="blocked" if is_cash else "")
    held_for = CASH_HELD_FOR.get(persona, "") if is_cash else ""
    if is_blocked:
        held_for = "participant_blocked"
    if held_for:
        return ExpectedPayment("cancelled" if ended_for else "held", amount, ended_for or held_for)
    return ExpectedPayment("settled", amount, claimed_for=annulled_for, returned=returned)


def _forfeit_if_cut_off(payment: ExpectedPayment, person: Person, at: datetime) -> ExpectedPayment:
    """Return what becomes of a payment at the cut-off of its wave: held ones are forfeited, but for frozen ones."""
    cut_off = cut_off_at(person.wave)
    is_frozen = payment.reason == "needs_approval"
    if payment.state != "held" or is_frozen or cut_off is None or at < cut_off:
        return payment
    return replace(payment, state="forfeited", reason="cut_off")
