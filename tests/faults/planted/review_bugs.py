"""Bugs that let a right go which a person must look at."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from services.payment.domain import report_outcome
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.reason_codes import Verdict, after_rejection
from services.payment.handlers import approvals
from services.payment.payout import pay, plan
from services.payment.store import QUERIES
from tests.faults.planted import review_scenarios
from tests.faults.planted.bugs import Bug
from tests.infrastructure import Database
from tests.integration.payment import harness as of_payment


def it_freezes_nothing_upon_a_contradiction(product: pytest.MonkeyPatch) -> None:
    """What was said is kept, and that is all."""
    statement = QUERIES["freeze_disbursements"]
    assert "frozen = true" in statement
    product.setitem(QUERIES._statements, "freeze_disbursements", statement.replace("frozen = true", "frozen = false"))


def it_remembers_a_look_in_the_reason_shown(product: pytest.MonkeyPatch) -> None:
    """Which the next hold overwrites."""

    def shown(disbursement: Disbursement, verdict: Verdict, retry_at: datetime) -> Disbursement:
        return after_rejection(disbursement, verdict, retry_at)._replace(frozen=False)

    product.setattr(report_outcome, "after_rejection", shown)


def it_takes_an_approval_for_whatever_comes_and_drops_the_trigger(product: pytest.MonkeyPatch) -> None:
    """The database alone would have refused another account."""

    class Whatever:
        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    product.setattr(plan, "required_approval", lambda *_: Whatever())
    product.setattr(of_payment, "create_harness", _without("a_frozen_right_goes_only_approved"))


def it_takes_one_person_for_two(product: pytest.MonkeyPatch) -> None:
    async def alone(*_: object) -> str:
        return "nobody"

    product.setattr(approvals, "require_second_person", alone)


def it_lets_a_cure_overtake_what_lies_unread(product: pytest.MonkeyPatch) -> None:
    """As soon as an account is linked another attempt goes."""
    product.setattr(pay, "_awaits_reports", lambda *_: False)


def _without(trigger: str) -> Callable[[Database], Awaitable[of_payment.PaymentHarness]]:
    prepare = of_payment.create_harness

    async def a_bench(database: Database) -> of_payment.PaymentHarness:
        harness = await prepare(database)
        await harness.connection.execute(f"drop trigger {trigger} on disbursement")
        return harness

    return a_bench


BUGS = (
    Bug(
        it_freezes_nothing_upon_a_contradiction,
        review_scenarios.a_partner_pays_what_it_has_rejected,
        "was instructed after doubts, and nobody approved it",
    ),
    Bug(
        it_remembers_a_look_in_the_reason_shown,
        review_scenarios.a_duplicate_is_reported_and_accounts_are_linked,
        "was instructed after doubts, and nobody approved it",
    ),
    Bug(
        it_takes_an_approval_for_whatever_comes_and_drops_the_trigger,
        review_scenarios.an_account_changes_after_its_approval,
        "was instructed after doubts, and nobody approved it",
    ),
    Bug(
        it_lets_a_cure_overtake_what_lies_unread,
        review_scenarios.a_partner_pays_what_it_has_rejected_and_that_lies_unread,
        "was paid more than once, say the partners",
    ),
    Bug(it_takes_one_person_for_two, review_scenarios.one_person_approves, "one person has let it go"),
)
