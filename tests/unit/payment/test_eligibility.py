"""Eligibility: the first reason to hold a disbursement."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.payment.domain.disbursement import HoldReason, State
from services.payment.domain.eligibility import (
    Approval,
    PayeeAccount,
    PayoutConditions,
    hold_reason,
    missing_account_reason,
    required_approval,
    tried_account_version,
    version_of,
)
from services.payment.domain.entitlement import Annulment, Payee
from tests.unit.payment.values import NOW, a_disbursement, an_attempt

GOOD = PayeeAccount("gopay", "sealed", 5)
OPEN = PayoutConditions(NOW, frozenset(), None)


def test_good_account_has_no_hold_reason() -> None:
    assert hold_reason(a_disbursement(), GOOD, OPEN) is None


def test_missing_account_is_held_by_kind_of_payee() -> None:
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
def test_unfit_account_is_a_hold_reason(account: PayeeAccount, reason: HoldReason) -> None:
    assert hold_reason(a_disbursement(), account, OPEN) is reason


def test_only_an_account_newer_than_the_failed_one_is_a_cure() -> None:
    closed = a_disbursement(state=State.HELD, reason=HoldReason.ACCOUNT_CLOSED, tried_version=5, attempt=1)
    assert hold_reason(closed, GOOD, OPEN) is HoldReason.ACCOUNT_CLOSED
    assert hold_reason(closed, PayeeAccount("gopay", "sealed", 6), OPEN) is None


def test_rejection_without_a_known_reason_is_cured_by_account_or_approval() -> None:
    rejected = a_disbursement(state=State.HELD, reason=HoldReason.PARTNER_REJECTED, tried_version=5, attempt=1)
    assert hold_reason(rejected, GOOD, OPEN) is HoldReason.PARTNER_REJECTED
    assert hold_reason(rejected, GOOD._replace(version=6), OPEN) is None
    assert hold_reason(rejected, GOOD, OPEN, approved=True) is None


@pytest.mark.parametrize(
    ("halts", "reason"),
    [
        ({"all"}, HoldReason.HALTED),
        ({"gopay"}, HoldReason.HALTED),
        ({"wave:48"}, HoldReason.HALTED),
        ({"bni", "wave:gopay", "wave:all", "48"}, None),
    ],
)
def test_a_halt_stops_its_partner_its_wave_or_all(halts: set[str], reason: HoldReason | None) -> None:
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, halts, None)) is reason


def test_lane_that_catches_up_pays_nothing_and_keeps_its_queue() -> None:
    due = a_disbursement()
    catching_up = PayoutConditions(NOW, (), None, {due.lane})
    assert hold_reason(due, GOOD, catching_up) is HoldReason.HALTED
    waiting = due._replace(state=State.HELD, reason=HoldReason.NO_FUNDS)
    assert hold_reason(waiting, GOOD, catching_up) is HoldReason.NO_FUNDS
    assert hold_reason(due, GOOD, PayoutConditions(NOW, (), None, {due.lane + 1})) is None


def test_without_room_it_is_paused_or_waits_for_money() -> None:
    due = a_disbursement()
    full = PayoutConditions(NOW, (), None, without_room={GOOD.partner})
    assert hold_reason(due, GOOD, full) is HoldReason.PARTNER_PAUSED
    assert hold_reason(due, GOOD, replace(full, beyond_money={due.key})) is HoldReason.NO_FUNDS
    assert hold_reason(due, GOOD, replace(full, without_room={"another"})) is None
    assert hold_reason(due, GOOD, replace(full, halts={GOOD.partner})) is HoldReason.HALTED


@pytest.mark.parametrize(("limit", "reason"), [(600_000, None), (599_999, HoldReason.NEEDS_APPROVAL)])
def test_only_an_amount_above_the_limit_needs_approval(limit: int, reason: HoldReason | None) -> None:
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, frozenset(), limit)) is reason
    assert hold_reason(a_disbursement(), GOOD, PayoutConditions(NOW, frozenset(), limit), approved=True) is None


@pytest.mark.parametrize("shown", sorted(set(HoldReason) - {HoldReason.HALTED, HoldReason.PARTNER_PAUSED}))
def test_frozen_disbursement_needs_approval_whatever_the_hold_reason(shown: HoldReason) -> None:
    frozen = a_disbursement(state=State.HELD, reason=shown, attempt=1, frozen=True, tried_version=4)
    assert hold_reason(frozen, GOOD, OPEN) is HoldReason.NEEDS_APPROVAL
    assert hold_reason(frozen, GOOD, OPEN, approved=True) is None


def test_approval_covers_the_attempt_its_amount_partner_and_account() -> None:
    approval = required_approval(a_disbursement(attempt=2), GOOD)
    assert approval == Approval(attempt=3, amount=600_000, partner="gopay", account_version=5, account_index="")
    assert approval != required_approval(a_disbursement(attempt=2), GOOD._replace(version=6))
    assert approval != required_approval(a_disbursement(attempt=2), GOOD._replace(account_index="ab"))


SHARED, THREE = HoldReason.SHARED_ACCOUNT, PayoutConditions(NOW, (), None, people_per_account=3)


@pytest.mark.parametrize(
    ("people", "changes", "approved", "reason"),
    [
        (3, {}, False, None),
        (4, {}, False, SHARED),
        (4, {}, True, None),
        (4, {"reason": HoldReason.NO_FUNDS}, False, SHARED),
        (4, {"reason": HoldReason.PARTNER_REJECTED, "tried_version": 5, "attempt": 1}, False, SHARED),
        (4, {"reason": SHARED, "tried_version": 5, "attempt": 1}, True, None),
        (3, {"reason": SHARED}, False, None),
        # Fewer people cure nothing that was tried there before, since why that failed is not known any more.
        (3, {"reason": SHARED, "tried_version": 5, "attempt": 1}, False, SHARED),
        (3, {"reason": SHARED, "tried_version": 4, "attempt": 1}, False, None),
    ],
)
def test_account_that_too_many_share_takes_an_approval(
    people: int, changes: dict[str, Any], approved: bool, reason: HoldReason | None
) -> None:
    held = a_disbursement(state=State.HELD, **changes)
    assert hold_reason(held, GOOD._replace(people=people), THREE, approved=approved) is reason


def test_unfit_account_is_shown_above_a_shared_one() -> None:
    unverified = GOOD._replace(verified=False, people=4)
    assert hold_reason(a_disbursement(), unverified, THREE, approved=True) is HoldReason.ACCOUNT_UNVERIFIED


@pytest.mark.parametrize(
    "changes",
    [
        {"redeem_code": "PRAT00000009"},
        {"benefit": "fee"},
        {"amount": 600_001},
        {"attempt": 3},
        {"reason": HoldReason.PARTNER_REJECTED},
        {"frozen": True},
        {"annulled": Annulment.ERASED},
    ],
)
def test_change_of_the_disbursement_makes_another_version(changes: dict[str, Any]) -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL, attempt=2)
    assert version_of(held, GOOD, 0) == version_of(held._replace(participant_id="4810000000000025"), GOOD, 0)
    assert version_of(held, GOOD, 0) != version_of(held._replace(**changes), GOOD, 0)


def test_change_around_the_disbursement_makes_another_version() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.NEEDS_APPROVAL)
    accounts = (GOOD, GOOD._replace(version=6), GOOD._replace(partner="ovo"), None)
    versions = {version_of(held, account, count) for account in accounts for count in (0, 1)}
    assert len(versions) == 2 * len(accounts)
    assert version_of(held, GOOD, 0) == version_of(held, GOOD._replace(sealed="again"), 0)


@pytest.mark.parametrize(("wait", "reason"), [(1, HoldReason.PARTNER_PAUSED), (0, None)])
def test_paused_disbursement_is_free_when_its_time_has_come(wait: int, reason: HoldReason | None) -> None:
    paused = a_disbursement(
        state=State.HELD, reason=HoldReason.PARTNER_PAUSED, next_check_at=NOW + timedelta(seconds=wait)
    )
    assert hold_reason(paused, GOOD, OPEN) is reason


def test_only_a_pause_of_the_partner_is_waited_for() -> None:
    queued = a_disbursement(state=State.HELD, reason=HoldReason.NO_FUNDS, next_check_at=NOW + timedelta(seconds=1))
    assert hold_reason(queued, GOOD, OPEN) is None


def test_account_that_may_have_been_tried_never_counts_as_newer() -> None:
    told, untold = an_attempt(account_version=4), an_attempt(instructed_at=datetime(1970, 1, 1, tzinfo=UTC))
    assert tried_account_version(told, Payee.PARTICIPANT, 9) == tried_account_version(told, Payee.PROVIDER, 9) == 4
    assert tried_account_version(untold, Payee.PROVIDER, 9) == 9
    assert str(tried_account_version(untold, Payee.PARTICIPANT, 9)) == "300000000"  # Five minutes in microseconds.
