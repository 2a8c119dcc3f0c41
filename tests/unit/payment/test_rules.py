"""When a right falls due, what stands in its way, and what a partner's word means."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.payment.domain.attempt import Report, ReportCheck, classify_report, record_report
from services.payment.domain.disbursement import HoldReason, State, freeze
from services.payment.domain.eligibility import (
    PayeeAccount,
    PayoutConditions,
    hold_reason,
    missing_account_reason,
    required_approval,
)
from services.payment.domain.entitlement import (
    Enrollment,
    Entitlement,
    Grant,
    Milestone,
    Payee,
    complete,
    due_once,
    newly_earned,
    rate,
)
from services.payment.domain.reason_codes import (
    MAX_AUTOMATIC_ATTEMPTS,
    REASON_CODES,
    ReportAction,
    Verdict,
    after_rejection,
    verdict_of,
)
from services.payment.domain.reference import CROCKFORD, lane_in, reference_of
from tests.unit.payment.values import FEE, INCENTIVE, NOW, a_disbursement, an_attempt, an_enrollment

KEY = b"k" * 32
GOOD = PayeeAccount("gopay", "sealed", 5)
OPEN = PayoutConditions(NOW, frozenset(), None)


def test_nothing_is_earned_before_completion() -> None:
    early = rate(an_enrollment(), NOW)
    assert newly_earned(an_enrollment(), early) == []
    assert due_once([early], [], {}) == []


def test_a_completed_training_earns_the_fee_and_a_rated_one_the_incentive_too() -> None:
    done = complete(an_enrollment(), NOW, noted_at=NOW)
    assert newly_earned(an_enrollment(), done) == [FEE]
    assert newly_earned(done, rate(done, NOW)) == [INCENTIVE]


def test_a_rating_before_completion_counts_once_completion_comes() -> None:
    early = rate(an_enrollment(), NOW)
    assert newly_earned(early, complete(early, NOW, noted_at=NOW)) == [FEE, INCENTIVE]


def test_the_first_completion_and_the_first_rating_count() -> None:
    done = rate(complete(an_enrollment(), NOW, noted_at=NOW), NOW)
    again = complete(done, NOW + timedelta(days=1), noted_at=NOW)
    assert rate(again, NOW + timedelta(days=1)) is done


def a_training(code: str, completed: int | None, rated: int | None, **changes: Any) -> Enrollment:
    """Completed and rated so many hours after NOW."""
    training = an_enrollment(redeem_code=code, **changes)
    if completed is not None:
        training = complete(training, NOW + timedelta(hours=completed), noted_at=NOW)
    return training if rated is None else rate(training, NOW + timedelta(hours=rated))


def earner(trainings: Sequence[Enrollment], *grants: Grant) -> str | None:
    """The training that the incentive falls due with."""
    due = due_once(trainings, grants, {})
    assert {entitlement for _, entitlement in due} <= {INCENTIVE}
    return due[0][0].redeem_code if due else None


def test_the_first_completed_training_that_is_never_rated_keeps_nobody_from_the_incentive() -> None:
    assert earner([a_training("B", 1, None), a_training("A", 2, 3)]) == "A"


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        ((1, 9), (2, 8), "B"),
        ((9, 1), (8, 2), "B"),
        ((1, 2), (8, 9), "A"),
        ((3, 5), (5, 4), "A"),
        ((5, None), (9, 9), "B"),
        ((None, 5), (9, 9), "B"),
    ],
)
def test_of_several_trainings_the_first_to_be_completed_and_rated_earns_the_incentive(
    a: tuple[int | None, int | None], b: tuple[int | None, int | None], first: str
) -> None:
    both = [a_training("A", *a), a_training("B", *b)]
    assert earner(both) == earner(both[::-1]) == first


def test_an_incentive_once_granted_stands_whichever_training_comes_to_be_known() -> None:
    trainings = [a_training("A", 1, 1), a_training("B", 5, 5)]
    assert earner(trainings, Grant("B", "incentive_1", stands=True)) is None


def test_one_cancelled_before_a_partner_was_told_falls_due_again_with_the_next_training() -> None:
    cancelled = Grant("A", "incentive_1", stands=False)
    assert earner([a_training("A", 1, 1)], cancelled) is None
    assert earner([a_training("A", 1, 1), a_training("B", 5, 5)], cancelled) == "B"
    again = Grant("B", "incentive_1", stands=True)
    assert earner([a_training("A", 1, 1), a_training("B", 5, 5), a_training("C", 2, 2)], cancelled, again) is None


def test_what_was_announced_before_a_restore_falls_due_with_no_other_training() -> None:
    first, second = a_training("A", 1, 1), a_training("B", 5, 5)
    assert due_once([first, second], [], {"incentive_1": "B"}) == [(second, INCENTIVE)]
    assert due_once([first], [], {"incentive_1": "B"}) == []


def test_what_else_was_granted_keeps_nobody_from_the_incentive() -> None:
    assert earner([a_training("A", 1, 1)], Grant("A", "survey_1", stands=True)) == "A"


def test_a_training_that_promises_no_incentive_leaves_it_to_the_next() -> None:
    assert earner([a_training("A", 1, 1, entitlements=(FEE,)), a_training("B", 5, 5)]) == "B"


def test_the_amount_is_that_of_the_training_that_earns_it() -> None:
    dearer = INCENTIVE._replace(amount=700_000)
    trainings = [a_training("A", 5, 5), a_training("B", 1, 1, entitlements=(FEE, dearer))]
    assert [entitlement for _, entitlement in due_once(trainings, [], {})] == [dearer]


def test_each_benefit_had_once_is_counted_for_itself() -> None:
    at_once = Entitlement("incentive_2", 1, Payee.PARTICIPANT, Milestone.COMPLETED, first_training_only=True)
    trainings = [a_training("A", 1, None, entitlements=(INCENTIVE, at_once)), a_training("B", 5, 5)]
    assert due_once(trainings, [], {}) == [(trainings[0], at_once), (trainings[1], INCENTIVE)]


def reference(**changes: Any) -> str:
    values: dict[str, Any] = {
        "programme": "prakerja",
        "participant_id": "4810000000000017",
        "redeem_code": "PRAT0AB12CD3",
        "benefit": "fee",
        "attempt": 1,
    }
    return reference_of(KEY, changes.pop("lane", 11), **values | changes)


def test_a_reference_is_derived_and_names_its_lane() -> None:
    assert reference() == "B79DNNT16AJWMSY5"
    assert reference() == reference()
    assert set(reference()) <= set(CROCKFORD)
    assert lane_in(reference(), 12) == 11


def test_every_part_of_a_right_changes_its_reference() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"attempt": 2},
        {"benefit": "incentive_1"},
        {"redeem_code": "PRAT0AB12CD4"},
        {"participant_id": "4810000000000018"},
        {"programme": "other"},
    ]
    assert len({reference(**change)[1:] for change in changes}) == len(changes)


def test_a_good_account_meets_no_obstacle() -> None:
    assert hold_reason(a_disbursement(), GOOD, OPEN) is None


def test_whoever_is_missing_an_account_is_named() -> None:
    assert missing_account_reason(Payee.PROVIDER) is HoldReason.NO_PROVIDER_ACCOUNT
    assert missing_account_reason(Payee.PARTICIPANT) is HoldReason.NO_ACCOUNT


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (PayeeAccount("gopay", "sealed", 5, same_identity=False), HoldReason.ACCOUNT_OTHER_NIK),
        (PayeeAccount("gopay", "sealed", 5, verified=False), HoldReason.ACCOUNT_UNVERIFIED),
        (PayeeAccount("gopay", "sealed", 5, verified=False, same_identity=False), HoldReason.ACCOUNT_OTHER_NIK),
    ],
)
def test_an_account_that_does_not_fit_is_an_obstacle(account: PayeeAccount, reason: HoldReason) -> None:
    assert hold_reason(a_disbursement(), account, OPEN) is reason


def test_the_account_that_failed_is_no_cure_and_a_newer_one_is() -> None:
    closed = a_disbursement(state=State.HELD, reason=HoldReason.ACCOUNT_CLOSED, tried_version=5, attempt=1)
    assert hold_reason(closed, GOOD, OPEN) is HoldReason.ACCOUNT_CLOSED
    assert hold_reason(closed, PayeeAccount("gopay", "sealed", 6), OPEN) is None


@pytest.mark.parametrize(
    ("halts", "reason"),
    [({"all"}, HoldReason.HALTED), ({"gopay"}, HoldReason.HALTED), ({"bni"}, None)],
)
def test_a_halt_stops_its_partner_or_all(halts: set[str], reason: HoldReason | None) -> None:
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, halts, None)) is reason


@pytest.mark.parametrize(("limit", "reason"), [(600_000, None), (599_999, HoldReason.NEEDS_APPROVAL)])
def test_only_what_is_above_the_limit_needs_approval(limit: int, reason: HoldReason | None) -> None:
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, frozenset(), limit)) is reason
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, frozenset(), limit), approved=True) is None


@pytest.mark.parametrize("shown", sorted(set(HoldReason) - {HoldReason.HALTED, HoldReason.PARTNER_PAUSED}))
def test_what_is_frozen_needs_approval_whatever_it_was_held_for(shown: HoldReason) -> None:
    frozen = a_disbursement(state=State.HELD, reason=shown, attempt=1, frozen=True, tried_version=4)
    assert hold_reason(frozen, GOOD, OPEN) is HoldReason.NEEDS_APPROVAL
    assert hold_reason(frozen, GOOD, OPEN, approved=True) is None


def test_what_an_operator_lets_go_is_an_attempt_with_all_that_decides_where_the_money_goes() -> None:
    approval = required_approval(a_disbursement(attempt=2), GOOD)
    assert approval == (3, 600_000, "gopay", 5)
    assert approval != required_approval(a_disbursement(attempt=2), GOOD._replace(version=6))


@pytest.mark.parametrize(("wait", "reason"), [(1, HoldReason.PARTNER_PAUSED), (0, None)])
def test_what_waits_for_time_goes_when_the_time_has_come(wait: int, reason: HoldReason | None) -> None:
    paused = a_disbursement(
        state=State.HELD, reason=HoldReason.PARTNER_PAUSED, next_check_at=NOW + timedelta(seconds=wait)
    )
    assert hold_reason(paused, GOOD, OPEN) is reason


def test_settled_is_settled_and_accepted_waits() -> None:
    assert verdict_of("settled", None).action is ReportAction.SETTLED
    assert verdict_of("accepted", None).action is ReportAction.WAIT


def test_a_reason_nobody_knows_is_for_an_operator() -> None:
    assert verdict_of("rejected", "ZZ99") == Verdict(
        ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR, HoldReason.PARTNER_REJECTED
    )


@pytest.mark.parametrize("code", REASON_CODES)
def test_every_reason_leads_to_a_hold_or_to_the_end(code: str) -> None:
    verdict = verdict_of("rejected", code)
    assert len(code) == 4
    assert verdict.action not in {ReportAction.SETTLED, ReportAction.WAIT}
    assert (verdict.reason is None) == (verdict.action is ReportAction.FINAL)
    after = after_rejection(a_disbursement(state=State.ACCEPTED, attempt=1), verdict, NOW)
    assert (after.state, after.reason) == (
        State.FAILED if verdict.action is ReportAction.FINAL else State.HELD,
        verdict.reason,
    )
    assert after.attempt == 1


def test_time_is_not_a_cure_for_ever() -> None:
    tired = a_disbursement(state=State.INSTRUCTED, attempt=MAX_AUTOMATIC_ATTEMPTS)
    assert after_rejection(tired, verdict_of("rejected", "ED05"), NOW).reason is HoldReason.PARTNER_REJECTED


def a_report(status: str, amount: int = 600_000) -> Report:
    return Report("3ABCDEFGHJKMNPQR", status, amount, "AC04" if status == "rejected" else None, "P-1", NOW)


@pytest.mark.parametrize(
    ("known", "status", "judgement"),
    [
        (None, "accepted", ReportCheck.NEW),
        (None, "settled", ReportCheck.NEW),
        (None, "rejected", ReportCheck.NEW),
        ("accepted", "accepted", ReportCheck.DUPLICATE),
        ("accepted", "settled", ReportCheck.NEW),
        ("accepted", "rejected", ReportCheck.NEW),
        ("settled", "accepted", ReportCheck.DUPLICATE),
        ("settled", "settled", ReportCheck.DUPLICATE),
        ("settled", "rejected", ReportCheck.CONTRADICTS_FINAL),
        ("rejected", "accepted", ReportCheck.DUPLICATE),
        ("rejected", "settled", ReportCheck.CONTRADICTS_FINAL),
        ("rejected", "rejected", ReportCheck.DUPLICATE),
    ],
)
def test_the_first_final_word_holds_for_ever(known: str | None, status: str, judgement: ReportCheck) -> None:
    attempt = record_report(an_attempt(), a_report(known)) if known else an_attempt()
    assert classify_report(attempt, a_report(status)) is judgement


@pytest.mark.parametrize(
    ("reason", "judgement"),
    [
        ("AC04", ReportCheck.DUPLICATE),
        ("ED05", ReportCheck.DUPLICATE),
        ("AM05", ReportCheck.CONTRADICTS_FINAL),
        ("LEGL", ReportCheck.CONTRADICTS_FINAL),
    ],
)
def test_a_rejection_said_again_contradicts_only_when_it_now_forbids_another_attempt(
    reason: str, judgement: ReportCheck
) -> None:
    rejected = record_report(an_attempt(), a_report("rejected"))
    assert classify_report(rejected, a_report("rejected")._replace(reason=reason)) is judgement
    paid_after_all = rejected._replace(settled_at=NOW)
    assert classify_report(paid_after_all, a_report("rejected")._replace(reason=reason)) is ReportCheck.DUPLICATE


@pytest.mark.parametrize("reason", ["ED05", "AC04", "MS03", "AM04", "MD07"])
def test_what_is_frozen_under_way_comes_back_frozen_whatever_the_verdict(reason: str) -> None:
    doubted = freeze(a_disbursement(state=State.INSTRUCTED, attempt=2))
    after = after_rejection(doubted, verdict_of("rejected", reason), NOW)
    assert (after.state, after.reason, after.frozen) == (State.HELD, HoldReason.NEEDS_APPROVAL, True)


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected"])
def test_another_amount_is_never_believed(status: str) -> None:
    assert classify_report(an_attempt(), a_report(status, 599_999)) is ReportCheck.AMOUNT_MISMATCH
