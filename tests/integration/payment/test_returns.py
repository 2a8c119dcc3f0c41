"""Returns: money that came back to a partner is booked back, held for its payee, and paid once more when cured."""

from collections.abc import Callable

import asyncpg
import pytest

from services.payment.explanation import explain
from shared.errors import Refused
from shared.times import write_time
from tests.builders import Event
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    blocked,
    completed,
    confirmed,
    in_one_lane,
    journey,
    linked,
    rated,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored
from tests.integration.payment.test_claims import repay

OTHER = "PRAT000000BB"


def first(harness: PaymentHarness, kind: str = "incentive") -> str:
    return harness.instructions_for(kind)[0].reference


async def settle_and_return(harness: PaymentHarness, reason: str = "AC04", kind: str = "incentive") -> None:
    await harness.report(first(harness, kind), "settled")
    await harness.report(first(harness, kind), "returned", reason)


async def test_returned_money_goes_back_the_way_it_went(instructed: PaymentHarness) -> None:
    reserved = await instructed.balance("reserved:incentive")
    await settle_and_return(instructed)
    assert instructed.event_names("incentive_1")[2:] == ["settled", "returned", "held(account_closed)"]
    told = next(data for name, data in instructed.announced if name == "returned")
    assert (told["reason"], told["returned_at"], told["attempt"]) == ("AC04", write_time(COMPLETED_AT), 1)
    assert [await instructed.balance(a) for a in ("paid:incentive", "clearing:gopay")] == [0, 0]
    assert await instructed.balance("reserved:incentive") == reserved + INCENTIVE


@pytest.mark.parametrize("reports", [["returned"], ["settled", "returned"], ["accepted", "returned", "settled"]])
async def test_return_from_a_partner_is_told_as_settled_and_returned(
    instructed: PaymentHarness, reports: list[str]
) -> None:
    await instructed.receive(*(instructed.answer(first(instructed), status, "AC04") for status in reports))
    names = [name for name in instructed.event_names("incentive_1")[2:] if name != "accepted"]
    assert names == ["settled", "returned", "held(account_closed)"]


async def test_return_and_what_contradicts_it_may_come_in_one_batch(instructed: PaymentHarness) -> None:
    half = instructed.answer(first(instructed), "settled", amount=INCENTIVE // 2)
    await instructed.receive(instructed.answer(first(instructed), "returned", "AC04"), half)
    assert await instructed.state("incentive_1") == "held(needs_approval)"


async def test_next_payee_may_have_what_was_returned(harness: PaymentHarness) -> None:
    payee, next_payee = in_one_lane(2)
    await harness.prepare(incentive=INCENTIVE)
    await harness.receive(*journey(payee, CODE))
    await harness.receive(*journey(next_payee, OTHER))
    assert await harness.state("incentive_1", OTHER) == "held(no_funds)"
    await settle_and_return(harness)
    await harness.sweep()
    assert await harness.state("incentive_1", OTHER) == "instructed"
    await harness.receive(linked(payee, day=1, partner="dana"))
    await harness.sweep()
    assert await harness.state("incentive_1", CODE) == "held(no_funds)"


async def test_returned_incentive_is_used_up_for_other_trainings(instructed: PaymentHarness) -> None:
    await settle_and_return(instructed)
    await instructed.receive(voided())
    await instructed.receive(confirmed(code=OTHER), completed(code=OTHER), rated(code=OTHER))
    assert await instructed.state("incentive_1", OTHER) == ""
    assert await instructed.state("incentive_1", CODE) == "cancelled"


@pytest.mark.parametrize("annul", [voided, revoked])
async def test_return_for_an_annulled_training_is_cancelled_whatever_its_reason(
    instructed: PaymentHarness, annul: Callable[..., Event]
) -> None:
    await instructed.report(first(instructed), "settled")
    await instructed.receive(annul())
    await instructed.report(first(instructed), "returned", "MD07")
    assert instructed.event_names("incentive_1")[2:] == [
        *("settled", "claim_opened", "returned", "held(partner_rejected)", "claim_withdrawn", "cancelled")
    ]
    withdrawn = next(data for name, data in instructed.announced if name == "claim_withdrawn")
    assert withdrawn["reason"] == "returned"
    assert [await instructed.balance(account) for account in ("claims", "paid:incentive", "returned")] == [0, 0, 0]


async def test_return_with_a_final_reason_ends_the_payment(instructed: PaymentHarness) -> None:
    await settle_and_return(instructed, "MD07")
    assert await instructed.state("incentive_1") == "failed"


async def test_return_that_blames_the_partner_halts_it(instructed: PaymentHarness) -> None:
    await settle_and_return(instructed, "AC05")
    assert (await instructed.state("incentive_1"), await instructed.halts()) == ("held(halted)", ["gopay"])


async def test_return_that_a_person_must_review_is_frozen(instructed: PaymentHarness) -> None:
    await settle_and_return(instructed, "FR01")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    with pytest.raises(Refused, match="was returned: its money came back"):
        await instructed.confirm(first(instructed))
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "instructed"


async def test_unblock_holds_a_returned_payment_for_the_reason_of_its_return(instructed: PaymentHarness) -> None:
    await instructed.report(first(instructed), "settled")
    await instructed.receive(blocked())
    await instructed.report(first(instructed), "returned", "AC04")
    await instructed.receive(unblocked())
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(account_closed)"


async def test_confirmed_payment_that_is_returned_waits_for_two_persons(instructed: PaymentHarness) -> None:
    await instructed.report(first(instructed), "rejected", "AC04")
    await instructed.report(first(instructed), "settled")
    await instructed.confirm(first(instructed))
    await instructed.report(first(instructed), "returned", "AC04")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    second = instructed.instructions_for("incentive")[1]
    await instructed.report(second.reference, "rejected", "FRAD")
    await instructed.confirm(second.reference)
    assert (second.partner, await instructed.state("incentive_1")) == ("dana", "settled")


async def test_what_was_repaid_cannot_be_returned_as_well(instructed: PaymentHarness) -> None:
    await instructed.report(first(instructed), "settled")
    await instructed.receive(voided())
    await repay(instructed, f"{first(instructed)}-1")
    await instructed.report(first(instructed), "returned", "AC04")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (["contradicts_final"], "settled")
    assert await instructed.balance("returned") == INCENTIVE


async def test_audit_trail_and_explanation_show_the_return(instructed: PaymentHarness) -> None:
    await settle_and_return(instructed)
    decisions = await explain(instructed.context, instructed.connection, PARTICIPANT)
    assert [one.rule for one in decisions if one.decision == "attempt_returned"] == ["report.returned.AC04"]
    trail = await instructed.definition.audit_trail(instructed.connection, PARTICIPANT)
    assert trail is not None
    (incentive,) = [d for d in trail["disbursements"] if d["benefit"] == "incentive_1"]  # type: ignore[attr-defined]
    (attempt,) = incentive["attempts"]
    assert (attempt["settled_at"], attempt["returned_at"], attempt["reason"]) == (
        *[write_time(COMPLETED_AT)] * 2,
        "AC04",
    )


BACK = "state = 'held', reason = 'no_account', settled_at = null"


@pytest.mark.parametrize(
    "wrong",
    [
        f"update disbursement set {BACK} where benefit = 'fee'",
        "update attempt set returned_at = now() where benefit = 'fee'",
        "update attempt set returned_at = null where benefit = 'incentive_1'",
        "update attempt set reason = 'AC01' where benefit = 'incentive_1'",
    ],
)
async def test_database_books_nothing_back_that_was_not_returned(instructed: PaymentHarness, wrong: str) -> None:
    await instructed.report(first(instructed, "fee"), "settled")
    await settle_and_return(instructed)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await instructed.connection.execute(wrong)


async def test_payment_after_a_return_is_repeated_after_a_restore(restored: Restored) -> None:
    before = restored.before
    await settle_and_return(before)
    await before.receive(linked(day=1, partner="dana"))
    await before.sweep("retry")
    await restored.adopt()
    after = restored.after
    await after.prepare(training=FEE, incentive=INCENTIVE)
    assert await after.connection.fetchval("select promised from funds where component = 'incentive'") == INCENTIVE
    await after.receive(*journey())
    await settle_and_return(after)
    assert after.instructions_for("incentive") == before.instructions_for("incentive")
    assert await after.breaches() == []
