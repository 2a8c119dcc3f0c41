"""The judge. It knows what was invented and what the partners paid, and shares no rule with the services."""

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
# Where a right may stand without being lost: somebody has the money, was told to pay it, or knows why not.
KNOWN = frozenset({"settled", "instructed", "accepted", "held", "rejected", "failed"})


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """How a right must end: settled, or held for a reason; and for how much."""

    state: str
    reason: str
    amount: int


@dataclass(frozen=True, slots=True)
class AuditResult:
    """`doubles`: rights paid twice; `losses`: rights nothing is known of; `wrongs`: all else that is not as told."""

    doubles: int
    losses: int
    wrongs: Sequence[str]


def expected_entitlements(cohort: Iterable[Person]) -> dict[EntitlementKey, ExpectedOutcome]:
    """Every right to money that the cohort's story gives, and how it must end."""
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
    """Whether everything that must come has come, but for what only time brings."""
    expected = expected_entitlements(cohort)
    refused = sum(1 for person in cohort if person.persona in REFUSED_FOR)
    rejected = sum(1 for person in cohort if person.persona in REJECTED_FOR)
    return (
        len(seen.refused) >= refused
        and len(seen.rejected) >= rejected
        and all(seen.states.get(right) == expected[right].state for right in expected)
    )


def all_expired(cohort: Iterable[Person], seen: Observed) -> bool:
    """Whether every training that was not finished in time has been given up."""
    return all(person.redeem_code in seen.expired for person in cohort if person.persona in UNFINISHED)


def audit(
    cohort: Sequence[Person],
    seen: Observed,
    paid: Sequence[Payment],
    parked: Counter[str],
    *,
    time_is_up: bool = False,
) -> AuditResult:
    """Compares the story, what Salur said, and what the partners paid.

    `parked`: what had to be, by reason. `time_is_up`: whether the time to complete a training is over.
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
    losses = sum(1 for right in expected if seen.states.get(right) not in KNOWN)
    return AuditResult(_count_doubles(cohort, seen, settled), losses, wrongs)


def not_parked(wanted: Counter[str], seen: Counter[str]) -> Counter[str]:
    """Return what had to be parked and was not, by reason.

    A record that waits takes one place however often it is sent, so that not each of its repeats is parked.
    """
    return Counter(
        {reason: count for reason, count in (wanted - seen).items() if reason not in MAY_WAIT or not seen[reason]}
    )


def compare_ledgers(paid: Sequence[Payment], booked: Mapping[tuple[str, str], int]) -> list[str]:
    """Where the partners' own ledgers and Salur's figures of what is settled part, to the rupiah.

    `booked`: rupiah by partner and kind of benefit.
    """
    ledger: Counter[tuple[str, str]] = Counter()
    for payment in paid:
        if payment.reason is None:
            ledger[(payment.partner, payment.benefit)] += payment.amount
    return [
        f"{partner} paid {ledger[(partner, kind)]} rupiah as {kind}, the books say {booked.get((partner, kind), 0)}"
        for partner, kind in sorted(ledger.keys() | booked.keys())
        if ledger[(partner, kind)] != booked.get((partner, kind), 0)
    ]


def _count_doubles(cohort: Sequence[Person], seen: Observed, settled: Sequence[Payment]) -> int:
    """Rights paid more than once, by what Salur says of the references and by the accounts that were paid into."""
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
            yield f"{person.redeem_code} ({person.persona}) was given up for {seen.expired.get(person.redeem_code)}"


def _check_entitlements(expected: dict[EntitlementKey, ExpectedOutcome], seen: Observed) -> Iterable[str]:
    for right, must in expected.items():
        state, reason = seen.states.get(right, "unknown"), seen.reasons.get(right, "")
        if state != must.state or (must.reason and reason != must.reason):
            yield f"{right}: {state} {reason}, must be {must.state} {must.reason}"
        elif seen.amounts[right] != must.amount:
            yield f"{right}: {seen.amounts[right]} rupiah, must be {must.amount}"
    yield from (f"{right}: a right that the story does not give" for right in seen.states.keys() - expected.keys())


def _check_partner_ledgers(
    expected: dict[EntitlementKey, ExpectedOutcome], seen: Observed, settled: Sequence[Payment]
) -> Iterable[str]:
    """What partners paid is what was said to be settled, to the rupiah."""
    reported = {right for right, state in seen.states.items() if state == "settled"}
    paid = {seen.references[payment.reference] for payment in settled if payment.reference in seen.references}
    yield from (
        f"{payment.reference}: paid, and never said" for payment in settled if payment.reference not in seen.references
    )
    yield from (f"{right}: said to be settled, and no partner paid it" for right in reported - paid)
    yield from (f"{right}: paid by a partner, and not said to be settled" for right in paid - reported)
    for payment in settled:
        right = seen.references.get(payment.reference)
        if right in expected and payment.amount != expected[right].amount:
            yield f"{right}: the partner paid {payment.amount}, due was {expected[right].amount}"


def _unentitled_payments(cohort: Sequence[Person], settled: Sequence[Payment]) -> Iterable[str]:
    """An incentive goes to an account that somebody with a right to it has linked, and nowhere else."""
    accounts = {account for person in cohort if person.rates for account in (person.account, person.second_account)}
    for payment in settled:
        if payment.benefit == "incentive" and payment.account not in accounts:
            yield f"{payment.reference}: an incentive was paid into an account of nobody who has a right to one"
