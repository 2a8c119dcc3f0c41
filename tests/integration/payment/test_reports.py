"""Reports: applied once, and only to attempts that their partner was instructed."""

from datetime import timedelta

import asyncpg
import pytest

from services.payment.handlers.halts import resume
from services.payment.payout.status_checks import FIRST_CHECK_AFTER
from tests.builders import LATER, a_provider
from tests.integration.payment.facts import CODE, INCENTIVE, PARTICIPANT, linked, reported
from tests.integration.payment.harness import PaymentHarness

STRANGE = "3Q2M9K4T1B8XW3ZA"
NOWHERE = "ZQ2M9K4T1B8XW3ZA"
ANSWER_WITHIN = timedelta(seconds=900)
RETRY_AFTER = timedelta(seconds=3600)


async def reject(harness: PaymentHarness, benefit: str, reason: str) -> None:
    await harness.report(harness.instructions_for(benefit)[-1].reference, "rejected", reason)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("AC01", "held(account_invalid)"),
        ("AC04", "held(account_closed)"),
        ("AM21", "held(account_full)"),
        ("MS03", "held(partner_rejected)"),
        ("ZZ99", "held(partner_rejected)"),
        ("AM05", "held(needs_approval)"),
        ("FRAD", "held(needs_approval)"),
        ("ED05", "held(partner_paused)"),
        ("AM04", "held(halted)"),
        ("MD07", "failed"),
    ],
)
async def test_a_rejection_holds_under_what_its_reason_means(
    instructed: PaymentHarness, reason: str, state: str
) -> None:
    await reject(instructed, "incentive", reason)
    assert await instructed.state("incentive_1") == state
    assert instructed.event_names("incentive_1")[2:] == ["rejected", state]
    assert await instructed.balance("clearing:gopay") == 0
    assert await instructed.sweep() == 0
    assert len(instructed.instructions_for("incentive")) == 1


async def test_rejection_as_duplicate_is_retried_only_after_approval(instructed: PaymentHarness) -> None:
    await reject(instructed, "incentive", "AM05")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    assert len(instructed.instructions_for("incentive")) == 1
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    assert [instruction.partner for instruction in instructed.instructions_for("incentive")] == ["gopay", "dana"]

    await reject(instructed, "incentive", "AM05")
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    assert await instructed.breaches() == []


async def test_operator_may_approve_a_retry_after_a_rejection_without_reason(instructed: PaymentHarness) -> None:
    await reject(instructed, "fee", "MS03")
    assert await instructed.sweep() == 0
    await instructed.approve(CODE, "fee", "Ani")
    await instructed.sweep()
    first, second = instructed.instructions_for("fee")
    assert first.number == second.number
    assert first.reference != second.reference
    await reject(instructed, "fee", "MS03")
    assert await instructed.sweep() == 0
    assert await instructed.breaches() == []


async def test_rejected_attempt_is_followed_by_another_after_a_newer_account(
    instructed: PaymentHarness,
) -> None:
    await reject(instructed, "incentive", "AC04")
    await instructed.receive(linked())
    await instructed.sweep()
    assert len(instructed.instructions_for("incentive")) == 1

    await instructed.receive(linked(day=1, partner="dana", number="08129999"))
    await instructed.sweep("retry")
    first, second = instructed.instructions_for("incentive")
    assert (second.partner, second.number) == ("dana", "08129999")
    assert first.reference != second.reference
    await instructed.report(second.reference, "settled")
    assert await instructed.balance("paid:incentive") == INCENTIVE


async def test_account_linked_during_an_attempt_cures_with_the_next_sweep(
    instructed: PaymentHarness,
) -> None:
    await instructed.receive(linked(day=1, partner="dana"))
    assert len(instructed.instructions_for("incentive")) == 1
    await reject(instructed, "incentive", "AC04")
    await instructed.sweep("retry")
    assert [i.partner for i in instructed.instructions_for("incentive")] == ["gopay", "dana"]


async def test_rejected_fee_goes_to_the_providers_next_account(instructed: PaymentHarness) -> None:
    await reject(instructed, "fee", "AC04")
    await instructed.sweep()
    assert len(instructed.instructions_for("fee")) == 1
    await instructed.receive(a_provider(number="8800555", version=2))
    await instructed.sweep()
    assert [i.number for i in instructed.instructions_for("fee")][1:] == ["8800555"]


async def test_rejection_that_only_needs_time_is_retried_later_and_not_for_ever(instructed: PaymentHarness) -> None:
    for attempt in range(1, 6):
        await reject(instructed, "incentive", "ED05")
        assert await instructed.sweep("retry") == 0
        instructed.now = LATER + attempt * RETRY_AFTER
        await instructed.sweep("retry")
    assert len(instructed.instructions_for("incentive")) == 5
    assert await instructed.state("incentive_1") == "held(partner_rejected)"


async def test_partner_that_lacks_money_is_halted_and_instructed_again_on_resume(instructed: PaymentHarness) -> None:
    await reject(instructed, "incentive", "AM04")
    assert await instructed.halts() == ["gopay"]
    await instructed.operate(resume, "gopay")
    await instructed.sweep()
    assert len({i.reference for i in instructed.instructions_for("incentive")}) == 2


@pytest.mark.parametrize("final", [("settled", None), ("rejected", "AC04")])
async def test_a_first_final_word_holds_and_its_contrary_is_parked(
    instructed: PaymentHarness, final: tuple[str, str | None]
) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, *final)
    await instructed.report(reference, *final)
    await instructed.report(reference, "accepted")
    assert await instructed.parked() == []
    state = "settled" if final[0] == "settled" else "held(needs_approval)"
    contrary = ("rejected", "AC04") if final[0] == "settled" else ("settled", None)
    await instructed.report(reference, *contrary)
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (["contradicts_final"], state)


async def test_a_contradiction_within_one_batch_is_parked_too(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("fee")[0].reference
    await instructed.receive(instructed.answer(reference, "settled"), instructed.answer(reference, "rejected", "AC01"))
    assert (await instructed.parked(), await instructed.state("fee")) == (["contradicts_final"], "settled")


async def test_late_report_on_an_earlier_attempt_is_compared_with_that_attempt(instructed: PaymentHarness) -> None:
    await reject(instructed, "incentive", "AC04")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep("retry")
    first, second = instructed.instructions_for("incentive")
    await instructed.report(first.reference, "settled")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (["contradicts_final"], "instructed")
    await instructed.report(first.reference, "rejected", "AC04")
    await instructed.report(second.reference, "settled")
    assert await instructed.state("incentive_1") == "settled"
    assert len(await instructed.breaches()) == 1
    await instructed.forget_contradictions()


@pytest.mark.parametrize("reference", [STRANGE, NOWHERE])
async def test_a_reference_that_was_never_sent_halts_the_partner(instructed: PaymentHarness, reference: str) -> None:
    await instructed.receive(reported("dana", reference, "settled", INCENTIVE))
    assert (await instructed.parked(), await instructed.halts()) == (["unknown_reference"], ["dana"])
    who = await instructed.connection.fetchval("select who from operation where verb = 'halt'")
    assert who == "payment"


async def test_reference_sent_to_another_partner_is_unknown(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "settled", partner="dana")
    assert (await instructed.parked(), await instructed.halts()) == (["unknown_reference"], ["dana"])
    assert await instructed.state("incentive_1") == "instructed"


async def test_silent_partner_is_asked_ever_less_often_and_never_reinstructed(
    instructed: PaymentHarness,
) -> None:
    assert await instructed.sweep("ask") == 0
    for intervals, requests in ((1, 2), (2, 4), (3, 4), (4, 6), (7, 6), (8, 8)):
        instructed.now = LATER + intervals * ANSWER_WITHIN
        await instructed.sweep("ask")
        await instructed.sweep("ask")
        assert len(instructed.status_requests) == requests
    assert len(instructed.instructions) == 2
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    instructed.now = LATER + 16 * ANSWER_WITHIN
    await instructed.sweep("ask")
    assert instructed.status_requests[8:] == [instructed.instructions_for("incentive")[0].reference]


async def test_retry_waits_until_the_reports_of_all_partners_have_been_read(instructed: PaymentHarness) -> None:
    await reject(instructed, "incentive", "ED05")
    instructed.now = LATER + RETRY_AFTER
    assert await instructed.sweep("retry", read_through=instructed.now - timedelta(microseconds=1)) == 0
    assert await instructed.sweep("retry") == 1


async def test_status_request_does_not_wait_for_reports_of_another_partner(instructed: PaymentHarness) -> None:
    instructed.now = LATER + ANSWER_WITHIN
    await instructed.sweep("ask_gopay")
    assert instructed.status_requests == [instructed.instructions_for("incentive")[0].reference]
    await instructed.sweep("ask_bni")
    assert instructed.status_requests[1:] == [instructed.instructions_for("fee")[0].reference]


def test_status_requests_and_retries_name_the_reports_they_wait_for(instructed: PaymentHarness) -> None:
    prevented_by = {timer.name: timer.prevented_by for timer in instructed.definition.timers}
    assert prevented_by["ask_gopay"] == ("disbursement-reports.gopay",)
    assert len(prevented_by["retry"] or ()) == 6
    assert prevented_by["release"] == prevented_by["return_unused"] == ()


async def test_final_disbursement_has_no_status_check(instructed: PaymentHarness) -> None:
    async def remembered() -> int:
        found = await instructed.connection.fetchval("select coalesce(sum(cardinality(redeem_codes)), 0) from reminder")
        return int(found)

    fee, incentive = (
        instructed.instructions_for("fee")[0].reference,
        instructed.instructions_for("incentive")[0].reference,
    )
    await instructed.report(fee, "settled")
    await instructed.report(incentive, "accepted")
    instructed.now = LATER + FIRST_CHECK_AFTER
    await instructed.sweep("ask")
    assert (await remembered(), instructed.status_requests) == (1, [])
    await instructed.report(incentive, "settled")
    instructed.now = LATER + 2 * ANSWER_WITHIN
    await instructed.sweep("ask")
    assert (await remembered(), instructed.status_requests) == (0, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "update disbursement set state = 'held', reason = 'no_funds' where benefit = 'fee'",
        "delete from disbursement",
        "truncate disbursement",
        "update disbursement set settled_at = now() where benefit = 'fee'",
        "update attempt set account = 'another' where partner = 'gopay'",
        "update attempt set amount = 1 where partner = 'gopay'",
        "delete from attempt",
        "update transfer set amount = amount + 1",
        "delete from transfer",
        "truncate transfer",
        "update funds set drawn = appropriated + 1",
        "update purse set spent = drawn + 1",
    ],
)
async def test_the_database_refuses_what_must_never_happen(instructed: PaymentHarness, wrong: str) -> None:
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await instructed.connection.execute(wrong)


async def test_the_database_refuses_a_second_incentive_of_a_participant(instructed: PaymentHarness) -> None:
    copy = (
        "insert into disbursement (redeem_code, benefit, participant_id, provider_id, lane, wave, component, payee, "
        "amount, due_at, state, reason, attempt, reference, partner, tried_version, ask_at, changed_at) "
        "select 'PRAT00000002', benefit, participant_id, provider_id, lane, wave, component, payee, "
        "amount, due_at, state, reason, attempt, reference, partner, tried_version, ask_at, changed_at "
        "from disbursement "
        "where benefit = 'incentive_1' and participant_id = $1 and redeem_code = $2"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await instructed.connection.execute(copy, PARTICIPANT, CODE)
