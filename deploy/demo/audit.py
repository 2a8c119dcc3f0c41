"""Audit of a run: compare the invented cohort, Salur's events and the partners' ledgers.

It shares no rule with the services.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from deploy.demo.observer import EntitlementKey, Observed
from deploy.simulation.partner import Payment
from deploy.simulation.people import UNFINISHED, Person, Persona
from deploy.simulation.scheme import INCENTIVE

HELD_FOR_EVER = {
    Persona.NO_ACCOUNT: "no_account",
    Persona.OTHER_NIK: "account_other_nik",
    Persona.CLOSED: "account_closed",
    Persona.CONTRADICTED: "needs_approval",
}
REFUSED_FOR = {
    Persona.TOO_YOUNG: "age_out_of_range",
    Persona.WRONG_BIRTH_DATE: "nik_invalid",
    Persona.SAME_NIK: "nik_already_admitted",
}
REJECTED_FOR = {Persona.TOO_DEAR: "balance_insufficient", Persona.TOO_SHORT: "hours_too_few"} | dict.fromkeys(
    REFUSED_FOR, "not_admitted"
)
EXPIRED_FOR = dict.fromkeys(UNFINISHED, "not_completed_in_time")
MAY_WAIT = frozenset({"out_of_window"})
# States that do not count as lost: paid, on its way to be paid, or not paid for a known reason.
KNOWN = frozenset({"settled", "instructed", "accepted", "held", "rejected", "failed", "cancelled", "forfeited"})


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """State that an entitlement must end in, the reason if it is held, and its amount in rupiah."""

    state: str
    reason: str
    amount: int


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Findings of an audit.

    `doubles`: entitlements paid twice; `losses`: entitlements of unknown state; `wrongs`: other deviations, as text.
    """

    doubles: int
    losses: int
    wrongs: Sequence[str]


def expected_entitlements(cohort: Iterable[Person]) -> dict[EntitlementKey, ExpectedOutcome]:
    """Return every payment that the cohort is entitled to, with its expected outcome."""
    expected: dict[EntitlementKey, ExpectedOutcome] = {}
    for person in chain.from_iterable(person.trainings for person in cohort):
        if person.completes:
            expected[(person.redeem_code, "fee")] = ExpectedOutcome("settled", "", person.price)
        if person.rates:
            reason = HELD_FOR_EVER.get(person.persona, "")
            state = "held" if reason else "settled"
            expected[(person.redeem_code, "incentive_1")] = ExpectedOutcome(state, reason, INCENTIVE)
    return expected


def is_finished(cohort: Sequence[Person], seen: Observed) -> bool:
    """Tell whether all expected refusals, rejections and states were observed; expiry of overdue trainings apart."""
    expected = expected_entitlements(cohort)
    refused = sum(1 for person in cohort if person.persona in REFUSED_FOR)
    rejected = sum(1 for person in cohort if person.persona in REJECTED_FOR)
    return (
        len(seen.refused) >= refused
        and len(seen.rejected) >= rejected
        and all(seen.states.get(key) == expected[key].state for key in expected)
    )


def all_expired(cohort: Iterable[Person], seen: Observed) -> bool:
    """Tell whether every training that was not finished in time has expired."""
    return all(person.redeem_code in seen.expired for person in cohort if person.persona in UNFINISHED)


def audit(
    cohort: Sequence[Person],
    seen: Observed,
    paid: Sequence[Payment],
    parked: Counter[str],
    *,
    time_is_up: bool = False,
) -> AuditResult:
    """Compare the cohort, the observed events and the partners' payments.

    `parked`: number of records that must be parked, by reason. `time_is_up`: the time to complete a training is over.
    """
    expected = expected_entitlements(cohort)
    settled = [payment for payment in paid if payment.reason is None]
    wrongs = [
        *_check_people(cohort, seen),
        *_check_entitlements(expected, seen),
        *_check_partner_ledgers(expected, seen, settled),
    ]
    wrongs += _unentitled_payments(cohort, settled)
    wrongs += _check_expiry(cohort, seen, time_is_up=time_is_up)
    wrongs += [f"{count} x {reason} was not parked" for reason, count in not_parked(parked, seen.parked).items()]
    wrongs += [f"{count} x {reason} was parked and should not be" for reason, count in (seen.parked - parked).items()]
    losses = sum(1 for key in expected if seen.states.get(key) not in KNOWN)
    return AuditResult(_count_doubles(cohort, seen, settled), losses, wrongs)


def not_parked(wanted: Counter[str], seen: Counter[str]) -> Counter[str]:
    """Return the number of records that should have been parked and were not, by reason.

    A deferred record takes one place however often it is sent, so not every repeat of it is parked.
    """
    return Counter(
        {reason: count for reason, count in (wanted - seen).items() if reason not in MAY_WAIT or not seen[reason]}
    )


def compare_ledgers(paid: Sequence[Payment], booked: Mapping[tuple[str, str], int]) -> list[str]:
    """Report each difference in rupiah between the partners' ledgers and Salur's metric of settled money.

    `booked`: rupiah by partner and kind of benefit.
    """
    ledger: Counter[tuple[str, str]] = Counter()
    for payment in paid:
        if payment.reason is None:
            ledger[(payment.partner, payment.benefit)] += payment.amount
    return [
        f"{partner} paid {ledger[(partner, kind)]} rupiah as {kind}, the ledger has {booked.get((partner, kind), 0)}"
        for partner, kind in sorted(ledger.keys() | booked.keys())
        if ledger[(partner, kind)] != booked.get((partner, kind), 0)
    ]


def _count_doubles(cohort: Sequence[Person], seen: Observed, settled: Sequence[Payment]) -> int:
    """Count entitlements paid more than once, by their references and by the accounts that received money."""
    by_reference = Counter(seen.references.get(payment.reference, (payment.reference, "?")) for payment in settled)
    incentives = Counter(payment.account for payment in settled if payment.benefit == "incentive")
    by_person = [incentives[person.account] + incentives[person.second_account] for person in cohort]
    fees = Counter(payment.amount for payment in settled if payment.benefit == "fee")
    trainings = chain.from_iterable(person.trainings for person in cohort)
    too_many_fees = fees - Counter(training.price for training in trainings if training.completes)
    return max(
        sum(1 for count in by_reference.values() if count > 1),
        sum(1 for count in by_person if count > 1) + too_many_fees.total(),
    )


def _check_people(cohort: Sequence[Person], seen: Observed) -> Iterable[str]:
    for person in cohort:
        if seen.refused.get(person.participant_id) != REFUSED_FOR.get(person.persona):
            refusal = seen.refused.get(person.participant_id)
            yield f"{person.participant_id} ({person.persona}) was refused for {refusal}"
        for training in person.trainings:
            code = training.redeem_code
            if seen.rejected.get(code) != REJECTED_FOR.get(person.persona):
                yield f"{code} ({person.persona}) was rejected for {seen.rejected.get(code)}"
            if (code in seen.completed) != training.completes:
                yield f"{code} ({person.persona}): completed is {code in seen.completed}"


def _check_expiry(cohort: Sequence[Person], seen: Observed, *, time_is_up: bool) -> Iterable[str]:
    for person in cohort:
        must = EXPIRED_FOR.get(person.persona) if time_is_up else None
        if seen.expired.get(person.redeem_code) != must:
            yield f"{person.redeem_code} ({person.persona}) expired for {seen.expired.get(person.redeem_code)}"


def _check_entitlements(expected: dict[EntitlementKey, ExpectedOutcome], seen: Observed) -> Iterable[str]:
    for key, must in expected.items():
        state, reason = seen.states.get(key, "unknown"), seen.reasons.get(key, "")
        if state != must.state or (must.reason and reason != must.reason):
            yield f"{key}: {state} {reason}, must be {must.state} {must.reason}"
        elif seen.amounts[key] != must.amount:
            yield f"{key}: {seen.amounts[key]} rupiah, must be {must.amount}"
    yield from (f"{key}: no entitlement to this" for key in seen.states.keys() - expected.keys())


def _check_partner_ledgers(
    expected: dict[EntitlementKey, ExpectedOutcome], seen: Observed, settled: Sequence[Payment]
) -> Iterable[str]:
    """Check that partners paid exactly what Salur reports as settled, to the rupiah."""
    reported = {key for key, state in seen.states.items() if state == "settled"}
    paid = {seen.references[payment.reference] for payment in settled if payment.reference in seen.references}
    yield from (
        f"{payment.reference}: paid, but reported by no event"
        for payment in settled
        if payment.reference not in seen.references
    )
    yield from (f"{key}: reported as settled, but paid by no partner" for key in reported - paid)
    yield from (f"{key}: paid by a partner, but not reported as settled" for key in paid - reported)
    for payment in settled:
        key = seen.references.get(payment.reference)
        if key in expected and payment.amount != expected[key].amount:
            yield f"{key}: the partner paid {payment.amount}, due was {expected[key].amount}"


def _unentitled_payments(cohort: Sequence[Person], settled: Sequence[Payment]) -> Iterable[str]:
    """Report incentives paid into an account that no entitled person has linked."""
    accounts = {account for person in cohort if person.rates for account in (person.account, person.second_account)}
    for payment in settled:
        if payment.benefit == "incentive" and payment.account not in accounts:
            yield f"{payment.reference}: an incentive was paid into an account that no entitled person has linked"
