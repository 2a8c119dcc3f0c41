"""Planted bugs that pay entitlements which need an operator's review."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from services.payment.domain import report_outcome
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.eligibility import version_of
from services.payment.domain.reason_codes import after_rejection
from services.payment.domain.reason_table import Verdict
from services.payment.handlers import approvals, reports
from services.payment.payout import pay, plan, versions
from services.payment.store import QUERIES
from tests.faults.planted import review_scenarios
from tests.faults.planted.bugs import Bug
from tests.infrastructure import Database
from tests.integration.payment import harness as of_payment


def it_freezes_nothing_upon_a_contradiction(product: pytest.MonkeyPatch) -> None:
    """Park the contradicting report, but leave the disbursement unfrozen."""
    statement = QUERIES["freeze_disbursements"]
    assert "frozen = true" in statement
    product.setitem(QUERIES._statements, "freeze_disbursements", statement.replace("frozen = true", "frozen = false"))


def it_marks_a_review_only_in_the_hold_reason(product: pytest.MonkeyPatch) -> None:
    """Store the need of a review only in the hold reason, which the next hold overwrites."""

    def shown(disbursement: Disbursement, verdict: Verdict, retry_at: datetime) -> Disbursement:
        return after_rejection(disbursement, verdict, retry_at)._replace(frozen=False)

    product.setattr(report_outcome, "after_rejection", shown)


def it_applies_an_approval_to_any_attempt_and_drops_the_trigger(product: pytest.MonkeyPatch) -> None:
    """Pay an approved entitlement to any account; the database alone would refuse another one."""

    class Whatever:
        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    product.setattr(plan, "required_approval", lambda *_: Whatever())
    product.setattr(of_payment, "create_harness", _without("a_frozen_right_goes_only_approved"))


def it_accepts_one_approver_instead_of_two(product: pytest.MonkeyPatch) -> None:
    async def alone(*_: object) -> str:
        return "nobody"

    product.setattr(approvals, "require_second_person", alone)


def it_approves_a_version_that_is_no_more(product: pytest.MonkeyPatch) -> None:
    """Count only what changes with the disbursement, and not its payee's account."""
    product.setattr(versions, "version_of", lambda known, _, contradictions: version_of(known, None, contradictions))


def it_claims_no_double_payment(product: pytest.MonkeyPatch) -> None:
    """Park a report of a second payment, and leave it at that."""

    async def nothing(*_: object) -> None:
        pass

    product.setattr(reports, "claim_double_payments", nothing)


def it_freezes_nothing_that_is_returned(product: pytest.MonkeyPatch) -> None:
    """Hold a returned payment for its payee alone, though its partner had contradicted itself."""

    async def nothing(*_: object) -> list[Disbursement]:
        return []

    product.setattr(reports, "freeze_returned", nothing)


def it_retries_before_earlier_reports_are_read(product: pytest.MonkeyPatch) -> None:
    """Make another attempt as soon as an account is linked."""
    product.setattr(pay, "_awaits_reports", lambda *_: False)


def it_repeats_what_a_partner_may_have_forgotten(product: pytest.MonkeyPatch) -> None:
    """Instruct again under a reference so old that its partner may have paid it and forgotten it."""
    product.setattr(reports, "may_be_repeated", lambda *_: True)


def _without(trigger: str) -> Callable[[Database], Awaitable[of_payment.PaymentHarness]]:
    prepare = of_payment.create_harness

    async def create(database: Database) -> of_payment.PaymentHarness:
        harness = await prepare(database)
        await harness.connection.execute(f"drop trigger {trigger} on disbursement")
        return harness

    return create


BUGS = (
    Bug(
        it_freezes_nothing_upon_a_contradiction,
        review_scenarios.a_partner_pays_what_it_has_rejected,
        "was instructed after a contradiction or review, without an approval",
    ),
    Bug(
        it_marks_a_review_only_in_the_hold_reason,
        review_scenarios.a_duplicate_is_reported_and_accounts_are_linked,
        "was instructed after a contradiction or review, without an approval",
    ),
    Bug(
        it_applies_an_approval_to_any_attempt_and_drops_the_trigger,
        review_scenarios.an_account_changes_after_its_approval,
        "was instructed after a contradiction or review, without an approval",
    ),
    Bug(
        it_retries_before_earlier_reports_are_read,
        review_scenarios.a_partner_pays_what_it_rejected_and_the_report_is_unread,
        "was paid more than once, by the reports of partners",
    ),
    Bug(
        it_claims_no_double_payment,
        review_scenarios.a_partner_pays_twice_and_takes_the_second_payment_back,
        "as well, and not claimed back",
    ),
    Bug(
        it_freezes_nothing_that_is_returned,
        review_scenarios.a_partner_contradicts_itself_and_returns_the_payment,
        "is not frozen, and",
    ),
    Bug(
        it_repeats_what_a_partner_may_have_forgotten,
        review_scenarios.a_partner_forgets_what_it_has_paid,
        "was instructed again, and its partner has forgotten it",
    ),
    Bug(it_accepts_one_approver_instead_of_two, review_scenarios.one_person_approves, "one person released it alone"),
    Bug(
        it_approves_a_version_that_is_no_more,
        review_scenarios.an_account_changes_before_its_approval,
        "an account that nobody had seen was approved",
    ),
)
