"""Audit of a run: compare the invented cohort, Salur's events and the partners' ledgers.

It shares no rule with the services.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploy.demo.observer import EntitlementKey, Observed
from deploy.simulation.outcome import ExpectedOutcome, ExpectedPayment, ExpectedTraining, expected_outcome
from deploy.simulation.partner import Payment
from deploy.simulation.people import TIMELINE_ENDS_AT, Person
from shared.times import write_time

Fund = tuple[str, str]
"""(wave, component): what money is appropriated to."""
MAY_WAIT = frozenset({"out_of_window"})
# States that do not count as lost: paid, on its way to be paid, or not paid for a known reason.
KNOWN = frozenset({"settled", "instructed", "accepted", "held", "rejected", "failed", "cancelled", "forfeited"})


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Findings of an audit.

    `doubles`: entitlements paid twice; `losses`: entitlements of unknown state; `wrongs`: other deviations, as text.
    """

    doubles: int
    losses: int
    wrongs: Sequence[str]


def expected_entitlements(
    cohort: Iterable[Person], at: datetime = TIMELINE_ENDS_AT
) -> dict[EntitlementKey, ExpectedPayment]:
    """Return every payment that the cohort is entitled to by a time, with its expected outcome."""
    return _payments_of(expected_outcome(person, at) for person in cohort)


def is_finished(cohort: Iterable[Person], seen: Observed, at: datetime = TIMELINE_ENDS_AT) -> bool:
    """Tell whether all that is expected of each person by a time was observed, and nothing else."""
    return all(agrees(expected_outcome(person, at), seen) for person in cohort)


def agrees(outcome: ExpectedOutcome, seen: Observed) -> bool:
    """Tell whether what was observed of a person is as expected."""
    return next(iter(_deviations(outcome, seen)), None) is None


def audit(
    cohort: Sequence[Person],
    seen: Observed,
    paid: Sequence[Payment],
    parked: Counter[str],
    at: datetime = TIMELINE_ENDS_AT,
) -> AuditResult:
    """Compare the cohort, the observed events and the partners' payments.

    `parked`: number of records that must be parked, by reason. `at`: the time on the programme's clock.
    """
    outcomes = [expected_outcome(person, at) for person in cohort]
    expected = _payments_of(outcomes)
    settled = [payment for payment in paid if payment.is_received]
    wrongs = [
        *(deviation for outcome in outcomes for deviation in _deviations(outcome, seen)),
        *(f"{key}: no entitlement to this" for key in (seen.states.keys() | seen.claims) - expected.keys()),
        *_check_partner_ledgers(expected, seen, settled),
        *_unentitled_payments(outcomes, settled),
        *(f"{count} x {reason} was not parked" for reason, count in not_parked(parked, seen.parked).items()),
        *(f"{count} x {reason} was parked and should not be" for reason, count in (seen.parked - parked).items()),
    ]
    losses = sum(1 for key in expected if seen.states.get(key) not in KNOWN)
    return AuditResult(_count_doubles(outcomes, seen, settled), losses, wrongs)


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
        if payment.is_received:
            ledger[(payment.partner, payment.benefit)] += payment.amount
    return [
        f"{partner} paid {ledger[(partner, kind)]} rupiah as {kind}, the ledger has {booked.get((partner, kind), 0)}"
        for partner, kind in sorted(ledger.keys() | booked.keys())
        if ledger[(partner, kind)] != booked.get((partner, kind), 0)
    ]


def compare_returns(unspent: Mapping[Fund, int], returned: Mapping[Fund, int]) -> list[str]:
    """Report each fund past its cut-off from which not all that was unspent has returned to the treasury, in rupiah."""
    return [
        f"{component} of wave {wave}: {rupiah} rupiah returned to the treasury, must be {must}"
        for wave, component in sorted(unspent.keys() | returned.keys())
        if (rupiah := returned.get((wave, component), 0)) != (must := unspent.get((wave, component), 0))
    ]


def _payments_of(outcomes: Iterable[ExpectedOutcome]) -> dict[EntitlementKey, ExpectedPayment]:
    return {
        (training.redeem_code, benefit): payment
        for outcome in outcomes
        for training in outcome.trainings
        for benefit, payment in training.payments.items()
    }


def _deviations(outcome: ExpectedOutcome, seen: Observed) -> Iterable[str]:
    person = outcome.person
    who = f"{person.participant_id} ({person.persona})"
    refusal = seen.refused.get(person.participant_id, "")
    if refusal != outcome.refused:
        yield f"{who} was refused for {refusal or 'nothing'}"
    if (person.participant_id in seen.admitted) == bool(outcome.refused):
        yield f"{who}: admitted is {bool(outcome.refused)}"
    if (person.participant_id in seen.blocked) != outcome.blocked:
        yield f"{who}: blocked is {not outcome.blocked}"
    if (person.participant_id in seen.erased) != outcome.erased:
        yield f"{who}: erased is {not outcome.erased}"
    taken = {write_time(at): tuple(of) for at, of in seen.forfeits.get(person.participant_id, {}).items()}
    must = {write_time(at): tuple(of) for at, of in outcome.forfeits.items()}
    if taken != must:
        yield f"{who}: of the balance {taken or 'nothing'} was forfeited, must be {must or 'nothing'}"
    for training in outcome.trainings:
        for deviation in (*_training_deviations(training, seen), *_payment_deviations(training, seen)):
            yield f"{training.redeem_code} ({person.persona}): {deviation}"


def _training_deviations(training: ExpectedTraining, seen: Observed) -> Iterable[str]:
    code = training.redeem_code
    if (rejected := seen.rejected.get(code, "")) != training.rejected:
        yield f"rejected for {rejected or 'nothing'}"
    if (expired := seen.expired.get(code, "")) != training.expired:
        yield f"expired for {expired or 'nothing'}"
    for name, codes, must in (
        ("enrolled", seen.enrolled, not training.rejected),
        ("voided", seen.voided, training.voided),
        ("completed", seen.completed, training.completed),
        ("revoked", seen.revoked, training.revoked),
    ):
        if (code in codes) != must:
            yield f"{name} is {not must}"


def _payment_deviations(training: ExpectedTraining, seen: Observed) -> Iterable[str]:
    for benefit, must in training.payments.items():
        key = (training.redeem_code, benefit)
        state, reason = seen.states.get(key, "unknown"), seen.reasons.get(key, "")
        if state != must.state or (must.reason and reason != must.reason):
            yield f"{benefit} is {state} {reason}, must be {must.state} {must.reason}"
        elif seen.amounts[key] != must.amount:
            yield f"{benefit} is of {seen.amounts[key]} rupiah, must be of {must.amount}"
        if (key in seen.returned) != must.returned:
            yield f"{benefit}: returned is {not must.returned}"
        claimed_for = claim.reason if (claim := seen.claims.get(key)) else ""
        if claimed_for != must.claimed_for:
            yield f"{benefit} is claimed for {claimed_for or 'nothing'}, must be for {must.claimed_for or 'nothing'}"


def _count_doubles(outcomes: Sequence[ExpectedOutcome], seen: Observed, settled: Sequence[Payment]) -> int:
    """Count entitlements paid more than once, by their references and by the accounts that received money."""
    by_reference = Counter(seen.references.get(payment.reference, (payment.reference, "?")) for payment in settled)
    by_account = Counter((payment.account, payment.benefit) for payment in settled)
    too_often = 0
    for outcome in outcomes:
        due = Counter(benefit.partition("_")[0] for one in outcome.trainings for benefit in one.payments)
        for kind in ("incentive", "survey"):
            paid = sum(by_account[account, kind] for account in _accounts(outcome.person))
            too_often += paid > max(due[kind], 1)
    fees = Counter(payment.amount for payment in settled if payment.benefit == "fee")
    due_fees = [one.payments["fee"].amount for outcome in outcomes for one in outcome.trainings if one.payments]
    return max(sum(1 for count in by_reference.values() if count > 1), too_often + (fees - Counter(due_fees)).total())


def _accounts(person: Person) -> set[str]:
    return {person.account, person.second_account}


def _check_partner_ledgers(
    expected: Mapping[EntitlementKey, ExpectedPayment], seen: Observed, settled: Sequence[Payment]
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
        due = expected.get(key) if key else None
        if due and payment.amount != due.amount:
            yield f"{key}: the partner paid {payment.amount}, due was {due.amount}"


def _unentitled_payments(outcomes: Iterable[ExpectedOutcome], settled: Sequence[Payment]) -> Iterable[str]:
    """Report cash paid into an account that no entitled person has linked."""
    accounts = {
        (account, benefit.partition("_")[0])
        for outcome in outcomes
        for training in outcome.trainings
        for benefit in training.payments
        for account in _accounts(outcome.person)
    }
    for payment in settled:
        if payment.benefit != "fee" and (payment.account, payment.benefit) not in accounts:
            yield f"{payment.reference}: {payment.benefit} paid into an account that no entitled person has linked"
