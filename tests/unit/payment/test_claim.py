"""Claims: on what is opened, when each is due, and how it ends."""

from datetime import timedelta

import pytest

from services.payment.domain.block import Block
from services.payment.domain.claim import (
    Claim,
    ClaimReason,
    ClaimState,
    DoublePayment,
    Payment,
    claim_on,
    claim_on_double,
    is_block_over,
    repay,
    replaces,
    withdraw,
)
from services.payment.domain.disbursement import State
from services.payment.domain.entitlement import Payee, revoke, void
from shared.errors import InvariantBroken
from tests.unit.payment.values import NOW, a_disbursement, an_enrollment

PAID = Payment(a_disbursement(state=State.SETTLED, attempt=1, reference="3ABCDEFGHJKMNPQR", partner="gopay"), NOW)


def a_claim() -> Claim:
    claim = claim_on(PAID, void(an_enrollment(), NOW), (), number=2)
    assert claim is not None
    return claim


def test_nothing_is_claimed_while_the_training_stands() -> None:
    assert claim_on(PAID, an_enrollment(), (), number=1) is None


def test_claim_names_payment_number_and_debtor() -> None:
    assert (a_claim().id, a_claim().debtor, a_claim().state) == ("3ABCDEFGHJKMNPQR-2", Payee.PARTICIPANT, "open")


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_claim_is_opened_as_of_the_later_of_payment_and_annulment(hours: int) -> None:
    claim = claim_on(PAID, revoke(an_enrollment(), NOW + timedelta(hours=hours)), (), number=1)
    assert claim is not None
    assert (claim.reason, claim.opened_at) == (ClaimReason.REVOKED, NOW + timedelta(hours=max(hours, 0)))


@pytest.mark.parametrize(("days", "due"), [(None, 60), (0, 0), (30, 30)])
def test_claim_is_due_after_the_days_of_its_enrollment(days: int | None, due: int) -> None:
    claim = claim_on(PAID, void(an_enrollment(clawback_days=days), NOW), (), number=1)
    assert claim is not None
    assert claim.due_at == NOW + timedelta(days=due)


def test_only_an_open_claim_is_repaid_or_withdrawn() -> None:
    repaid, withdrawn = repay(a_claim(), "D-1"), withdraw(a_claim())
    assert (repaid.state, repaid.document, withdrawn.state) == (ClaimState.REPAID, "D-1", ClaimState.WITHDRAWN)
    for closed in (repaid, withdrawn):
        with pytest.raises(
            InvariantBroken, match=f"^3ABCDEFGHJKMNPQR-2: a claim that is {closed.state} cannot be repaid"
        ):
            repay(closed, "D-2")
        with pytest.raises(InvariantBroken, match=f"a claim that is {closed.state} cannot be withdrawn"):
            withdraw(closed)


@pytest.mark.parametrize(("hours", "claimed"), [(-1, True), (0, True), (1, False)])
def test_cash_is_claimed_that_was_paid_at_or_after_the_block(hours: int, claimed: bool) -> None:
    claim = claim_on(PAID, an_enrollment(), [blocked_at(hours)], number=1)
    assert (claim is not None) is claimed
    assert claim is None or (claim.reason, claim.opened_at) == (ClaimReason.BLOCKED, NOW)


def test_fee_is_not_claimed_for_a_block() -> None:
    fee = PAID._replace(disbursement=PAID.disbursement._replace(benefit="fee", payee=Payee.PROVIDER))
    assert claim_on(fee, an_enrollment(), [blocked_at(-1)], number=1) is None


def test_nothing_is_claimed_once_the_participant_is_unblocked() -> None:
    assert claim_on(PAID, an_enrollment(), [blocked_at(-1), unblocked_at(0)], number=1) is None


def test_claim_for_a_block_makes_room_for_one_that_an_unblock_would_leave() -> None:
    for_block, for_void = claim_on(PAID, an_enrollment(), [blocked_at(-1)], number=1), a_claim()
    assert for_block is not None
    assert replaces(for_void, for_block)
    assert not replaces(for_void, repay(for_block, "D-1"))
    assert not replaces(for_block, for_block)
    assert not replaces(for_void, for_void)


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_double_payment_is_claimed_as_of_the_later_of_both(hours: int) -> None:
    claim = claim_on_double(DoublePayment(PAID, NOW + timedelta(hours=hours)), an_enrollment(), number=2)
    assert (claim.id, claim.reason) == ("3ABCDEFGHJKMNPQR-2", ClaimReason.CONTRADICTED)
    assert claim.opened_at == NOW + timedelta(hours=max(hours, 0))
    assert claim.due_at == claim.opened_at + timedelta(days=60)


def test_later_block_changes_nothing_about_what_was_paid_during_one() -> None:
    claim = claim_on(PAID, an_enrollment(), [blocked_at(-1), blocked_at(1)], number=1)
    assert claim == claim_on(PAID, an_enrollment(), [blocked_at(-1)], number=1)


@pytest.mark.parametrize(
    ("unblocked", "blocked", "over"),
    [(0, (), True), (0, (0,), False), (0, (1,), True), (-1, (0,), False), (2, (1,), True)],
)
def test_claim_for_a_block_ends_with_an_unblock_alone(unblocked: int, blocked: tuple[int, ...], over: bool) -> None:
    claim = claim_on(PAID, an_enrollment(), [blocked_at(-2)], number=1)
    assert claim is not None
    changes = [unblocked_at(unblocked), *map(blocked_at, blocked)]
    assert is_block_over(claim, [blocked_at(-2), *changes]) is over
    assert not is_block_over(a_claim(), changes)


def blocked_at(hours: int) -> Block:
    return Block(NOW + timedelta(hours=hours), True)


def unblocked_at(hours: int) -> Block:
    return Block(NOW + timedelta(hours=hours), False)
