"""Audit of the demo and of the fault tests: it must report every deviation."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from deploy.demo.audit import (
    AuditResult,
    audit,
    compare_ledgers,
    compare_returns,
    expected_entitlements,
    is_finished,
)
from deploy.demo.observer import EntitlementKey, Observed, ObservedClaim, ObservedForfeit
from deploy.demo.plan import LEAPS
from deploy.simulation.outcome import ExpectedTraining, expected_outcome
from deploy.simulation.partner import Payment
from deploy.simulation.people import Person, Persona, cohort
from deploy.simulation.scheme import INCENTIVE

COHORT = cohort(7, 500)
PARKED = Counter({"out_of_window": 3, "bad_seal": 1})
END = LEAPS[-1]


def a_person(persona: Persona = Persona.ORDINARY) -> Person:
    return next(person for person in COHORT if person.persona is persona)


@dataclass
class AuditCase:
    """Events and payments of a run without any deviation, for a test to spoil."""

    seen: Observed
    paid: list[Payment]

    def audit(self) -> AuditResult:
        return audit(COHORT, self.seen, self.paid, PARKED, END)

    def pay(self, key: EntitlementKey, reference: str, account: str | None = None, reason: str | None = None) -> None:
        trainings = (training for person in COHORT for training in person.trainings)
        person = next(training for training in trainings if training.redeem_code == key[0])
        kind = key[1].partition("_")[0]
        account = account or ("990000001000" if kind == "fee" else person.account)
        due = expected_entitlements([person], END).get(key)
        self.paid.append(Payment("bni", reference, due.amount if due else INCENTIVE, account, kind, reason))
        self.seen.references.setdefault(reference, key)

    def expect(self, training: ExpectedTraining) -> None:
        """Let all be seen that is expected of a training."""
        seen, code = self.seen, training.redeem_code
        if training.rejected:
            seen.rejected[code] = training.rejected
        if training.expired:
            seen.expired[code] = training.expired
        for codes, is_in in (
            (seen.enrolled, not training.rejected),
            (seen.voided, training.voided),
            (seen.completed, training.completed),
            (seen.revoked, training.revoked),
        ):
            codes.update([code] if is_in else [])
        for benefit, must in training.payments.items():
            key = (code, benefit)
            seen.states[key], seen.reasons[key], seen.amounts[key] = must.state, must.reason, must.amount
            if must.returned:
                seen.returned.add(key)
                self.paid.append(
                    Payment("bni", f"{len(self.paid):016d}", must.amount, "0780", "incentive", None, "AC04")
                )
            if must.state == "settled":
                self.pay(key, f"{len(self.paid):016d}")
            if must.claimed_for:
                seen.claims[key] = ObservedClaim(f"{len(self.paid)}-1", "provider", must.claimed_for, must.amount)


@pytest.fixture
def case() -> AuditCase:
    seen = Observed(parked_at={("", 0, number): reason for number, reason in enumerate(Counter(PARKED).elements())})
    case = AuditCase(seen, [])
    for person in COHORT:
        outcome = expected_outcome(person, END)
        if outcome.refused:
            seen.refused[person.participant_id] = outcome.refused
        else:
            seen.admitted.add(person.participant_id)
        if outcome.blocked:
            seen.latest_blocks[person.participant_id] = (END, True)
        if outcome.erased:
            seen.erased.add(person.participant_id)
        if outcome.forfeits:
            seen.forfeits[person.participant_id] = {at: ObservedForfeit(*of) for at, of in outcome.forfeits.items()}
        for training in outcome.trainings:
            case.expect(training)
    return case


def test_run_without_deviation_passes(case: AuditCase) -> None:
    assert case.audit() == AuditResult(0, 0, [])
    assert is_finished(COHORT, case.seen, END)


@pytest.mark.parametrize("benefit", ["fee", "incentive_1"])
def test_entitlement_paid_under_two_references_is_a_double(case: AuditCase, benefit: str) -> None:
    case.pay((a_person().redeem_code, benefit), "ZZZZZZZZZZZZZZZZ")
    assert case.audit().doubles == 1


@pytest.mark.parametrize("benefit", ["fee", "incentive_1"])
def test_double_without_an_event_is_found_by_its_account(case: AuditCase, benefit: str) -> None:
    case.pay((a_person().redeem_code, benefit), "ZZZZZZZZZZZZZZZZ")
    del case.seen.references["ZZZZZZZZZZZZZZZZ"]
    result = case.audit()
    assert result.doubles == 1
    assert result.wrongs == ["ZZZZZZZZZZZZZZZZ: paid, but reported by no event"]


def test_second_incentive_for_another_training_is_a_double(case: AuditCase) -> None:
    _, second = a_person(Persona.SECOND_TRAINING).trainings
    case.pay((second.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ")
    result = case.audit()
    assert result.doubles == 1
    assert any("paid by a partner, but not reported as settled" in wrong for wrong in result.wrongs)


def test_incentive_moved_to_another_training_is_a_loss(case: AuditCase) -> None:
    first, second = a_person(Persona.SECOND_TRAINING).trainings
    case.seen.states[second.redeem_code, "incentive_1"] = case.seen.states.pop((first.redeem_code, "incentive_1"))
    case.seen.amounts[second.redeem_code, "incentive_1"] = INCENTIVE
    result = case.audit()
    assert result.losses == 1
    assert f"{(second.redeem_code, 'incentive_1')}: no entitlement to this" in result.wrongs


def test_double_paid_into_the_second_account_is_found(case: AuditCase) -> None:
    person = a_person(Persona.SECOND_ACCOUNT)
    case.pay((person.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ", account=person.second_account)
    del case.seen.references["ZZZZZZZZZZZZZZZZ"]
    assert case.audit().doubles == 1


def test_rejected_attempt_before_the_payment_is_no_double(case: AuditCase) -> None:
    person = a_person(Persona.CLOSED_THEN_ANOTHER)
    case.pay((person.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ", reason="AC04")
    assert case.audit() == AuditResult(0, 0, [])


@pytest.mark.parametrize("forget", [True, False])
def test_entitlement_without_a_known_state_is_lost(case: AuditCase, forget: bool) -> None:
    key = (a_person().redeem_code, "fee")
    if forget:
        del case.seen.states[key]
    else:
        case.seen.states[key] = "scheduled"
    assert case.audit().losses == 1
    assert not is_finished(COHORT, case.seen, END)


def _forget_a_refusal(seen: Observed) -> None:
    del seen.refused[a_person(Persona.TOO_YOUNG).participant_id]


def _refuse_without_cause(seen: Observed) -> None:
    seen.refused[a_person().participant_id] = "wave_full"


def _reject_for_another_reason(seen: Observed) -> None:
    seen.rejected[a_person(Persona.TOO_DEAR).redeem_code] = "hours_too_few"


def _complete_the_unfinished(seen: Observed) -> None:
    seen.completed.add(a_person(Persona.NEVER_FINISHES).redeem_code)


def _expire_the_finished(seen: Observed) -> None:
    seen.expired[a_person().redeem_code] = "not_completed_in_time"


def _hold_what_is_due(seen: Observed) -> None:
    seen.states[(a_person(Persona.NO_ACCOUNT).redeem_code, "fee")] = "held"


def _hold_for_another_reason(seen: Observed) -> None:
    seen.reasons[(a_person(Persona.CONTRADICTED).redeem_code, "incentive_1")] = "no_funds"


def _report_another_amount(seen: Observed) -> None:
    seen.amounts[(a_person().redeem_code, "fee")] += 1


def _invent_an_entitlement(seen: Observed) -> None:
    key = (a_person(Persona.NEVER_RATES).redeem_code, "incentive_1")
    seen.states[key], seen.reasons[key], seen.amounts[key] = "held", "no_funds", INCENTIVE


def _leave_a_block_out(seen: Observed) -> None:
    del seen.latest_blocks[a_person(Persona.BLOCKED).participant_id]


def _leave_an_admission_out(seen: Observed) -> None:
    seen.admitted.discard(a_person(Persona.LAST_PLACE).participant_id)


def _leave_a_void_out(seen: Observed) -> None:
    seen.voided.discard(a_person(Persona.VOIDED_FIRST).redeem_code)


def _revoke_what_stands(seen: Observed) -> None:
    seen.revoked.add(a_person(Persona.TEST_REVOKED).redeem_code)


def _lose_a_claim(seen: Observed) -> None:
    del seen.claims[a_person(Persona.FRAUD_FOUND_AFTERWARDS).redeem_code, "fee"]


def _claim_for_another_reason(seen: Observed) -> None:
    key = (a_person(Persona.BLOCKED_AFTERWARDS).redeem_code, "incentive_1")
    seen.claims[key] = replace(seen.claims[key], reason="voided")


def _claim_what_is_right(seen: Observed) -> None:
    seen.claims[a_person(Persona.UNBLOCKED).redeem_code, "incentive_1"] = ObservedClaim(
        "1-1", "participant", "blocked", 1
    )


def _claim_what_nobody_paid(seen: Observed) -> None:
    key = (a_person(Persona.TOO_DEAR).redeem_code, "fee")
    seen.claims[key] = ObservedClaim("1-1", "provider", "voided", 1)


def _pay_a_series_that_ended(seen: Observed) -> None:
    key = (a_person(Persona.SEMI_BANSOS_VOIDED).redeem_code, "incentive_2")
    seen.states[key], seen.reasons[key], seen.amounts[key] = "settled", "", INCENTIVE


def _forget_a_month(seen: Observed) -> None:
    del seen.states[a_person(Persona.SEMI_BANSOS).redeem_code, "incentive_3"]


def _forget_a_forfeit(seen: Observed) -> None:
    del seen.forfeits[a_person(Persona.NEVER_BUYS).participant_id]


def _forfeit_a_rupiah_more(seen: Observed) -> None:
    forfeits = seen.forfeits[a_person().participant_id]
    at, forfeit = forfeits.popitem()
    forfeits[at] = forfeit._replace(amount=forfeit.amount + 1)


def _forfeit_what_is_spent(seen: Observed) -> None:
    person = a_person(Persona.SECOND_TRAINING)
    seen.forfeits[person.participant_id] = {END: ObservedForfeit(1, "cut_off")}


def _leave_an_erasure_out(seen: Observed) -> None:
    seen.erased.discard(a_person(Persona.ERASED_AFTERWARDS).participant_id)


def _leave_a_return_out(seen: Observed) -> None:
    seen.returned.discard((a_person(Persona.RETURNED).redeem_code, "incentive_1"))


def _return_what_was_received(seen: Observed) -> None:
    seen.returned.add((a_person().redeem_code, "fee"))


def _hold_past_the_cut_off(seen: Observed) -> None:
    key = (a_person(Persona.NO_ACCOUNT).redeem_code, "incentive_1")
    seen.states[key], seen.reasons[key] = "held", "no_account"


def _park_too_much(seen: Observed) -> None:
    seen.parked_at[("", 0, -1)] = "conflict"


def _park_too_little(seen: Observed) -> None:
    del seen.parked_at[next(place for place, reason in seen.parked_at.items() if reason != "out_of_window")]


@pytest.mark.parametrize(
    "spoil",
    [
        _forget_a_refusal,
        _refuse_without_cause,
        _reject_for_another_reason,
        _complete_the_unfinished,
        _expire_the_finished,
        _hold_what_is_due,
        _hold_for_another_reason,
        _report_another_amount,
        _invent_an_entitlement,
        _leave_a_block_out,
        _leave_an_admission_out,
        _leave_a_void_out,
        _revoke_what_stands,
        _lose_a_claim,
        _claim_for_another_reason,
        _claim_what_is_right,
        _claim_what_nobody_paid,
        _pay_a_series_that_ended,
        _forget_a_month,
        _forget_a_forfeit,
        _forfeit_a_rupiah_more,
        _forfeit_what_is_spent,
        _leave_an_erasure_out,
        _leave_a_return_out,
        _return_what_was_received,
        _hold_past_the_cut_off,
        _park_too_much,
        _park_too_little,
    ],
)
def test_every_deviating_event_is_reported(case: AuditCase, spoil: Callable[[Observed], None]) -> None:
    spoil(case.seen)
    assert case.audit().wrongs


def test_payment_of_wrong_amount_or_to_wrong_account_is_reported(case: AuditCase) -> None:
    incentive = next(number for number, payment in enumerate(case.paid) if payment.benefit == "incentive")
    paid = case.paid[incentive]
    case.paid[incentive] = replace(paid, amount=INCENTIVE + 1)
    assert len(case.audit().wrongs) == 1
    case.paid[incentive] = replace(paid, account="0000")
    assert len(case.audit().wrongs) == 1


def test_money_that_was_returned_is_no_payment(case: AuditCase) -> None:
    key = (a_person(Persona.RETURNED).redeem_code, "incentive_1")
    case.pay(key, "ZZZZZZZZZZZZZZZZ")
    assert case.audit().doubles == 1
    case.paid[-1] = replace(case.paid[-1], returned_for="AC04")
    assert case.audit() == AuditResult(0, 0, [])
    assert compare_ledgers(case.paid[-1:], {}) == []


def test_settlement_that_no_partner_paid_is_reported(case: AuditCase) -> None:
    case.paid.pop()
    assert len(case.audit().wrongs) == 1


def test_ledgers_are_compared_by_partner_and_kind_to_the_rupiah() -> None:
    paid = [
        Payment("bni", "1", 1_000_000, "a", "fee", None),
        Payment("bni", "2", 500_000, "a", "fee", None),
        Payment("ovo", "3", 600_000, "b", "incentive", None),
        Payment("ovo", "4", 600_000, "c", "incentive", "AC04"),
    ]
    booked = {("bni", "fee"): 1_500_000, ("ovo", "incentive"): 600_000}
    assert compare_ledgers(paid, booked) == []
    assert len(compare_ledgers(paid, booked | {("ovo", "incentive"): 599_999})) == 1
    assert len(compare_ledgers(paid, booked | {("dana", "fee"): 1})) == 1
    assert len(compare_ledgers(paid, {("bni", "fee"): 1_500_000})) == 1


def test_what_returns_to_the_treasury_is_all_that_was_unspent() -> None:
    fund = ("48", "training")
    assert compare_returns({fund: 3_500_000}, {fund: 3_500_000}) == []
    assert len(compare_returns({fund: 3_500_000}, {fund: 3_499_999})) == 1
    assert len(compare_returns({fund: 3_500_000}, {})) == len(compare_returns({}, {fund: 1})) == 1
