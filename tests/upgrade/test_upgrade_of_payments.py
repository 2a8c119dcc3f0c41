"""An installation with payments in every state goes on under this version; the tests run in this order on it."""

import pytest

from services.payment.store.ledger import LEDGER_CHAINS
from shared.contracts.topics import SERVICES
from shared.runtime.chain_seals import ChainSeals
from tests.acceptance.every_payment import FIRST, HELD_AFTER_REJECTION, SECOND
from tests.faults.topic_audit import breaches_of_topics
from tests.upgrade.upgraded_installation import UpgradedInstallation

STATES = {
    "accepted": "accepted",
    "settled": "settled",
    "failed": "failed",
    "second_attempt": "instructed",
    "approved": "instructed",
    "approved_once": "held",
    "confirmed": "settled",
    "paid_twice": "settled",
    "cancelled": "cancelled",
    "revoked": "cancelled",
    "erased": "cancelled",
    "claimed": "settled",
    "repaid": "settled",
    "voided_under_way": "instructed",
    "forfeited": "forfeited",
    "no_account": "held",
    "halted": "held",
    "blocked": "held",
    "returned": "held",
}
"""State of the incentive, by person."""
HOLDS = {
    "no_account": "no_account",
    "account_other_nik": "account_other_nik",
    "account_unverified": "account_unverified",
    "halted": "halted",
    "blocked": "participant_blocked",
    "returned": "account_closed",
    "contradicted": "needs_approval",
    "approved_once": "needs_approval",
    **{name: hold for name, (_, hold) in HELD_AFTER_REJECTION.items() if name in ("invalid", "closed", "full")},
}
"""Reason for which the incentive is held, by person."""


def test_report_that_nobody_had_read_is_applied(upgraded_payments: UpgradedInstallation) -> None:
    upgraded = upgraded_payments
    upgraded.until(lambda: upgraded.disbursement("instructed", "incentive_1")["state"] == "settled", "it is applied")


@pytest.mark.parametrize(("name", "state"), STATES.items())
def test_payment_keeps_its_state(upgraded_payments: UpgradedInstallation, name: str, state: str) -> None:
    assert upgraded_payments.disbursement(name, "incentive_1")["state"] == state


@pytest.mark.parametrize(("name", "reason"), HOLDS.items())
def test_held_payment_keeps_its_reason(upgraded_payments: UpgradedInstallation, name: str, reason: str) -> None:
    held = upgraded_payments.disbursement(name, "incentive_1")
    assert (held["state"], held["reason"]) == ("held", reason)


def test_two_persons_approve_anew(upgraded_payments: UpgradedInstallation) -> None:
    """The first approval of before was not bound to the account, so it does not count any more."""
    upgraded = upgraded_payments
    for person in (SECOND, FIRST):
        done = upgraded.run("payment", "approve", upgraded.code("approved_once"), "incentive_1", *person)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("a second person must" in done.stdout) == (person is SECOND)
    upgraded.until(lambda: upgraded.disbursement("approved_once", "incentive_1")["attempt"] == 2, "it is paid again")


def test_money_held_by_a_halt_of_before_goes_when_it_ends(upgraded_payments: UpgradedInstallation) -> None:
    upgraded = upgraded_payments
    assert upgraded.run("payment", "resume", "--partner", "linkaja", *FIRST).returncode == 0
    for name, attempt in (("halted", 1), ("partner_lacks_money", 2)):

        def is_instructed(name: str = name, attempt: int = attempt) -> bool:
            found = upgraded.disbursement(name, "incentive_1")
            return (found["state"], found["attempt"]) == ("instructed", attempt)

        upgraded.until(is_instructed, f"{name} is instructed")


@pytest.mark.parametrize("service", SERVICES)
async def test_chains_go_on(upgraded_payments: UpgradedInstallation, service: str) -> None:
    upgraded = upgraded_payments
    sealing = ChainSeals.load(upgraded.installation.keys, service, (LEDGER_CHAINS,) if service == "payment" else ())
    assert await upgraded.in_session(service, sealing.breaches) == []


async def test_topics_equal_the_pages(upgraded_payments: UpgradedInstallation) -> None:
    breaches = await breaches_of_topics(upgraded_payments.installation)
    assert breaches == [], "\n".join(breaches)


@pytest.mark.parametrize("service", SERVICES)
def test_every_invariant_holds(upgraded_payments: UpgradedInstallation, service: str) -> None:
    assert upgraded_payments.installation.services[service].verify() == []
