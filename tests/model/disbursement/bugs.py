"""Bugs in the domain of payment, each with a play in which the oracle must notice it.

A random run of the machine finds each of them as well, but some only after hundreds of examples.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from services.payment.domain import claim, disbursement, eligibility, entitlement, ledger, reason_codes, report_outcome
from services.payment.domain.attempt import Attempt, Report, ReportCheck, classify_report
from services.payment.domain.disbursement import Disbursement, HoldReason, hold
from services.payment.domain.eligibility import Approval
from services.payment.domain.reason_codes import verdict_of
from services.payment.domain.reason_table import Verdict
from services.payment.domain.report_outcome import ReportOutcome
from tests.model.disbursement.machine import EVERYBODY, TRAININGS
from tests.model.rules import payment, payouts, reports

Plant = Callable[[pytest.MonkeyPatch], None]


def it_forgets_that_a_right_is_frozen(product: pytest.MonkeyPatch) -> None:
    product.setattr(eligibility, "needs_approval", lambda d, limit: d.amount > limit)


def it_freezes_nothing_upon_a_contradiction(product: pytest.MonkeyPatch) -> None:
    product.setattr(payouts, "freeze", lambda d: d)


def it_pays_above_the_limit_without_approval(product: pytest.MonkeyPatch) -> None:
    product.setattr(eligibility, "needs_approval", lambda d, _: d.frozen)


def it_binds_an_approval_to_no_account(product: pytest.MonkeyPatch) -> None:
    product.setattr(payouts, "required_approval", lambda d, _: Approval(d.attempt + 1, d.amount, "", 0, ""))


def it_releases_money_twice_at_a_rejection(product: pytest.MonkeyPatch) -> None:
    reject = report_outcome._reject

    def twice(*arguments: Any) -> ReportOutcome:
        outcome = reject(*arguments)
        return outcome._replace(postings=outcome.postings * 2)

    product.setattr(report_outcome, "_reject", twice)


def it_settles_again_what_is_settled(product: pytest.MonkeyPatch) -> None:
    def checked(attempt: Attempt, report: Report, known: claim.Claim | None = None) -> ReportCheck:
        check = classify_report(attempt, report, known)
        return ReportCheck.NEW if check is ReportCheck.DUPLICATE and report.status == "settled" else check

    product.setattr(reports, "classify_report", checked)
    product.setattr(disbursement, "_require_transition", lambda *_: None)


def it_ignores_the_amount_of_a_report(product: pytest.MonkeyPatch) -> None:
    product.setattr(
        reports, "classify_report", lambda a, report, known: classify_report(a, report._replace(amount=a.amount), known)
    )


def it_tries_an_account_again_that_failed(product: pytest.MonkeyPatch) -> None:
    product.setattr(eligibility, "CURED_BY_ACCOUNT", frozenset())


def it_retries_what_the_law_forbids(product: pytest.MonkeyPatch) -> None:
    product.setattr(reason_codes, "fail", lambda d: hold(d, HoldReason.ACCOUNT_CLOSED))


def it_pays_while_it_is_halted(product: pytest.MonkeyPatch) -> None:
    product.setattr(eligibility, "_halt_or_pause_reason", lambda *_: None)


def it_pays_without_money(product: pytest.MonkeyPatch) -> None:
    product.setattr(payouts, "affordable", lambda amounts, _: (len(amounts), sum(amounts)))


def it_pays_an_account_of_another_person(product: pytest.MonkeyPatch) -> None:
    product.setattr(eligibility, "account_hold_reason", lambda *_, **__: None)


def it_books_half_of_a_return(product: pytest.MonkeyPatch) -> None:
    book_back = ledger.book_back
    product.setattr(ledger, "book_back", lambda d: book_back(d)[:1])


def it_claims_nothing_of_an_ended_training(product: pytest.MonkeyPatch) -> None:
    product.setattr(claim, "annulment_of", lambda _: None)


def it_marks_nothing_as_annulled(product: pytest.MonkeyPatch) -> None:
    product.setattr(payment, "annul", lambda d, _: d)
    product.setattr(payouts, "annul", lambda d, _: d)


def it_pays_the_blocked(product: pytest.MonkeyPatch) -> None:
    product.setattr(payouts, "blocked_since", lambda _: None)


def it_retries_at_once(product: pytest.MonkeyPatch) -> None:
    def unpaused(known: Disbursement, *conditions: Any, approved: bool) -> HoldReason | None:
        reason = eligibility.hold_reason(known, *conditions, approved=approved)
        return None if reason is HoldReason.PARTNER_PAUSED else reason

    product.setattr(payouts, "hold_reason", unpaused)


def it_takes_an_acceptance_for_a_failure(product: pytest.MonkeyPatch) -> None:
    def failing(status: str, reason: str | None) -> Verdict:
        return verdict_of("rejected", "AB05") if status == "accepted" else verdict_of(status, reason)

    product.setattr(report_outcome, "verdict_of", failing)


def it_earns_the_incentive_with_each_training(product: pytest.MonkeyPatch) -> None:
    product.setattr(
        payment,
        "earned_once_per_participant",
        lambda trainings, _, announced: entitlement.earned_once_per_participant(trainings, [], announced),
    )


def it_is_due_before_the_completion(product: pytest.MonkeyPatch) -> None:
    product.setattr(entitlement, "reached_at", lambda known, _: known.completed_at or known.rated_at)


def it_takes_a_return_of_what_was_repaid(product: pytest.MonkeyPatch) -> None:
    product.setattr(reports, "classify_report", lambda attempt, report, _: classify_report(attempt, report))


def it_claims_no_double_payment(product: pytest.MonkeyPatch) -> None:
    product.setattr(payouts.Payouts, "claim_doubles", lambda *_: None)


class Bug(NamedTuple):
    """Change of the product, and the steps, each a rule with its arguments, that show it."""

    plant: Plant
    play: tuple[tuple[object, ...], ...]


FIRST = TRAININGS[0].code
READY = ("begins", 2, 4_000_000)
"""Fee and incentive of one training are at their partners, as attempts 0 and 1."""
BOTH = ("begins", 1, 4_000_000)
"""So are those of both trainings, but for a fee above the limit."""
LINKED, LATER = ("links", "dana", True), ("time_passes", 2)
BUGS = (
    Bug(it_forgets_that_a_right_is_frozen, (READY, ("is_rejected", 1, "FR01"), LINKED, LATER)),
    Bug(
        it_freezes_nothing_upon_a_contradiction,
        (READY, ("is_rejected", 1, "AC04"), ("is_paid_after_all", 0), LINKED, LATER),
    ),
    Bug(it_pays_above_the_limit_without_approval, (BOTH,)),
    Bug(
        it_binds_an_approval_to_no_account,
        (BOTH, ("halt", None), ("approve", 0, EVERYBODY), ("registers", "dana"), ("resume", 0), LATER),
    ),
    Bug(it_releases_money_twice_at_a_rejection, (READY, ("is_rejected", 0, "AC04"))),
    Bug(it_settles_again_what_is_settled, (READY, ("is_paid", 0, "settled"), ("is_repeated", 0))),
    Bug(it_ignores_the_amount_of_a_report, (READY, ("is_lied_about", 0, "settled", "AC04", 1, None))),
    Bug(it_takes_an_acceptance_for_a_failure, (READY, ("is_paid", 0, "accepted"))),
    Bug(it_tries_an_account_again_that_failed, (READY, ("is_rejected", 1, "AC04"), LATER)),
    Bug(it_retries_what_the_law_forbids, (READY, ("is_rejected", 1, "LEGL"), LINKED, LATER)),
    Bug(it_retries_at_once, (READY, ("is_rejected", 1, "AB05"), ("time_passes", 0))),
    Bug(it_pays_while_it_is_halted, (READY, ("is_rejected", 1, "AC04"), ("halt", None), LINKED, LATER)),
    Bug(it_pays_without_money, (("begins", 1, 1_500_000), ("approve", 0, EVERYBODY))),
    Bug(
        it_pays_an_account_of_another_person,
        (READY, ("is_rejected", 1, "AC04"), ("links", "dana", False), LATER),
    ),
    Bug(it_books_half_of_a_return, (READY, ("is_paid", 1, "settled"), ("is_returned", 1, "AC04"))),
    Bug(it_claims_nothing_of_an_ended_training, (READY, ("is_paid", 0, "settled"), ("ends", FIRST, "voided", True))),
    Bug(it_marks_nothing_as_annulled, (READY, ("is_rejected", 1, "AC04"), ("ends", FIRST, "voided", True))),
    Bug(it_pays_the_blocked, (READY, ("is_rejected", 1, "AC04"), ("is_blocked", True, 0), LINKED, LATER)),
    Bug(
        it_takes_a_return_of_what_was_repaid,
        (
            READY,
            ("is_paid", 0, "settled"),
            ("ends", FIRST, "voided", True),
            ("is_repaid", 0),
            ("is_returned", 0, "AC04"),
        ),
    ),
    Bug(
        it_claims_no_double_payment,
        (READY, ("is_rejected", 1, "AC04"), LINKED, LATER, ("is_paid", 1, "settled"), ("is_paid_after_all", 0)),
    ),
    Bug(it_earns_the_incentive_with_each_training, (BOTH,)),
    Bug(it_is_due_before_the_completion, (("begins", 0, 0), ("earns", FIRST, "confirmed"), ("earns", FIRST, "rated"))),
)
