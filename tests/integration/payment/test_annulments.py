"""Trainings voided and completions revoked: each state of a payment, whatever is read first."""

from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest

from tests.builders import Event, a_provider
from tests.integration.payment.facts import (
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    VOIDED_AT,
    completed,
    confirmed,
    journey,
    linked,
    rated,
    revoked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness

Annul = Callable[..., Event]
BOTH = pytest.mark.parametrize(("annul", "reason"), [(voided, "voided"), (revoked, "revoked")])


def last(harness: PaymentHarness, benefit: str, name: str) -> dict[str, object]:
    return next(data for n, data in reversed(harness.announced) if n == name and data["benefit"] == benefit)


@BOTH
async def test_held_disbursements_are_cancelled(harness: PaymentHarness, annul: Annul, reason: str) -> None:
    await harness.receive(confirmed(), completed(), rated())
    await harness.receive(annul())
    await harness.receive(annul(at=VOIDED_AT + timedelta(days=1)), a_provider(), linked())
    await harness.sweep()
    for benefit, held in (("fee", "no_provider_account"), ("incentive_1", "no_account")):
        assert harness.event_names(benefit) == ["scheduled", f"held({held})", "cancelled"]
        assert last(harness, benefit, "cancelled")["reason"] == reason
    assert harness.instructions == []


async def test_cancelled_disbursement_leaves_the_queue_for_money(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), confirmed(), completed())
    assert await harness.state("fee") == "held(no_funds)"
    await harness.receive(voided())
    assert await harness.state("fee") == "cancelled"


async def test_void_and_account_in_one_batch_pay_nothing(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed(), rated())
    await harness.receive(linked(), voided())
    assert await harness.state("incentive_1") == "cancelled"
    assert harness.instructions_for("incentive") == []


async def test_annulment_that_comes_before_its_enrollment_waits_for_it(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), completed(), rated(), revoked())
    await harness.receive(confirmed())
    assert harness.instructions == []


@BOTH
async def test_attempt_at_a_partner_goes_on_and_is_claimed_when_settled(
    instructed: PaymentHarness, annul: Annul, reason: str
) -> None:
    await instructed.receive(annul())
    assert await instructed.state("fee") == await instructed.state("incentive_1") == "instructed"
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, "accepted")
        await instructed.report(instruction.reference, "settled")
    for benefit, debtor in (("fee", "provider"), ("incentive_1", "participant")):
        assert instructed.event_names(benefit)[-2:] == ["settled", "claim_opened"]
        claim = last(instructed, benefit, "claim_opened")
        assert (claim["debtor"], claim["reason"], claim["attempt"]) == (debtor, reason, 1)
        assert claim["claim"] == f"{claim['reference']}-1"
    assert await instructed.balance("claims") == FEE + INCENTIVE
    assert await instructed.balance("paid:fee") == await instructed.balance("paid:incentive") == 0


@BOTH
@pytest.mark.parametrize("code", ["AC04", "LEGL", "ED05", "AM04", "MS03"])
async def test_attempt_of_an_annulled_training_is_cancelled_when_rejected(
    instructed: PaymentHarness, annul: Annul, reason: str, code: str
) -> None:
    await instructed.receive(annul())
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", code)
    assert await instructed.state("incentive_1") == "cancelled"
    assert last(instructed, "incentive_1", "cancelled")["reason"] == reason
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    assert len(instructed.instructions_for("incentive")) == 1


@pytest.mark.parametrize("void_first", [True, False])
@pytest.mark.parametrize("days", [None, 14])
async def test_claim_is_the_same_whatever_is_read_first(
    harness: PaymentHarness, void_first: bool, days: int | None
) -> None:
    await harness.prepare()
    await harness.receive(*journey(clawback_days=days))
    settled = harness.answer(harness.instructions_for("fee")[0].reference, "settled")
    for event in (voided(), settled) if void_first else (settled, voided()):
        await harness.receive(event)
    claim = last(harness, "fee", "claim_opened")
    due = VOIDED_AT + timedelta(days=days or 60)
    assert [claim["opened_at"], claim["due_at"]] == [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (VOIDED_AT, due)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_one_claim_is_opened_for_void_and_revocation_together(
    instructed: PaymentHarness, order: tuple[int, int]
) -> None:
    both = (voided(at=VOIDED_AT), revoked(at=COMPLETED_AT + timedelta(days=1)))
    for number in order:
        await instructed.receive(both[number])
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    claims = [data["reason"] for name, data in instructed.announced if name == "claim_opened"]
    assert claims == ["revoked"]


@pytest.mark.parametrize(
    "change",
    [
        "update disbursement set state = 'held', reason = 'no_account', cancelled_at = null where state = 'cancelled'",
        "update disbursement set cancelled_at = null where state = 'cancelled'",
    ],
)
async def test_the_database_lets_nothing_go_on_that_is_cancelled(harness: PaymentHarness, change: str) -> None:
    await harness.receive(confirmed(), completed(), rated())
    await harness.receive(voided())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await harness.connection.execute(change)


@pytest.mark.parametrize(
    "change",
    [
        "update money_claim set due_at = due_at + interval '1 day'",
        "update money_claim set state = 'repaid', closed_at = now(), document = 'D-1', amount = 1",
        "delete from money_claim",
    ],
)
async def test_the_database_keeps_the_content_of_a_claim(instructed: PaymentHarness, change: str) -> None:
    await instructed.receive(voided())
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await instructed.connection.execute(change)


async def test_the_database_refuses_a_second_claim_on_a_reference(instructed: PaymentHarness) -> None:
    await instructed.receive(voided())
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    with pytest.raises(asyncpg.UniqueViolationError):
        await instructed.connection.execute(
            "insert into money_claim select opened_at, due_at, closed_at, amount, lane, 2, debtor, reason, state,"
            " reference, redeem_code, benefit, participant_id, document from money_claim"
        )
