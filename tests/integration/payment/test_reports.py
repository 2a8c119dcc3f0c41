"""What partners say is believed once, and only about what they were told."""

from datetime import timedelta

import asyncpg
import pytest

from services.payment.handlers.halts import resume
from services.payment.payout.status_checks import FIRST_CHECK_AFTER
from tests.builders import LATER, a_provider
from tests.integration.payment.facts import CODE, FEE, INCENTIVE, PARTICIPANT, linked, reported
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
async def test_a_rejection_holds_under_what_its_reason_means(told: PaymentHarness, reason: str, state: str) -> None:
    await reject(told, "incentive", reason)
    assert await told.state("incentive_1") == state
    assert told.event_names("incentive_1")[2:] == ["rejected", state]
    assert await told.balance("clearing:gopay") == 0
    assert await told.sweep() == 0
    assert len(told.instructions_for("incentive")) == 1


async def test_what_the_partner_calls_a_duplicate_goes_again_only_on_an_operators_word(told: PaymentHarness) -> None:
    await reject(told, "incentive", "AM05")
    await told.receive(linked(day=1, partner="dana"))
    await told.sweep()
    assert len(told.instructions_for("incentive")) == 1
    await told.approve(CODE, "incentive_1")
    await told.sweep()
    assert [instruction.partner for instruction in told.instructions_for("incentive")] == ["gopay", "dana"]

    await reject(told, "incentive", "AM05")
    await told.sweep()
    assert await told.state("incentive_1") == "held(needs_approval)"
    assert await told.breaches() == []


async def test_an_operator_may_let_go_what_the_partner_rejected_without_a_reason(told: PaymentHarness) -> None:
    await reject(told, "fee", "MS03")
    assert await told.sweep() == 0
    await told.approve(CODE, "fee", "Ani")
    await told.sweep()
    first, second = told.instructions_for("fee")
    assert first.number == second.number
    assert first.reference != second.reference
    await reject(told, "fee", "MS03")
    assert await told.sweep() == 0
    assert await told.breaches() == []


async def test_a_rejected_attempt_is_followed_by_another_only_when_a_newer_account_is_linked(
    told: PaymentHarness,
) -> None:
    await reject(told, "incentive", "AC04")
    await told.receive(linked())
    await told.sweep()
    assert len(told.instructions_for("incentive")) == 1

    await told.receive(linked(day=1, partner="dana", number="08129999"))
    await told.sweep("retry")
    first, second = told.instructions_for("incentive")
    assert (second.partner, second.number) == ("dana", "08129999")
    assert first.reference != second.reference
    await told.report(second.reference, "settled")
    assert await told.balance("paid:incentive") == INCENTIVE


async def test_an_account_linked_while_the_attempt_was_under_way_cures_with_the_next_sweep(
    told: PaymentHarness,
) -> None:
    await told.receive(linked(day=1, partner="dana"))
    assert len(told.instructions_for("incentive")) == 1
    await reject(told, "incentive", "AC04")
    await told.sweep("retry")
    assert [i.partner for i in told.instructions_for("incentive")] == ["gopay", "dana"]


async def test_a_fee_that_was_rejected_goes_to_the_providers_next_account(told: PaymentHarness) -> None:
    await reject(told, "fee", "AC04")
    await told.sweep()
    assert len(told.instructions_for("fee")) == 1
    await told.receive(a_provider(number="8800555", version=2))
    await told.sweep()
    assert [i.number for i in told.instructions_for("fee")][1:] == ["8800555"]


async def test_what_only_wants_time_is_tried_again_a_while_later_and_not_for_ever(told: PaymentHarness) -> None:
    for attempt in range(1, 6):
        await reject(told, "incentive", "ED05")
        assert await told.sweep("retry") == 0
        told.now = LATER + attempt * RETRY_AFTER
        await told.sweep("retry")
    assert len(told.instructions_for("incentive")) == 5
    assert await told.state("incentive_1") == "held(partner_rejected)"


async def test_a_partner_that_lacks_money_is_halted_and_asked_anew_when_it_is_resumed(told: PaymentHarness) -> None:
    await reject(told, "incentive", "AM04")
    assert await told.halts() == ["gopay"]
    await told.operate(resume, "gopay")
    await told.sweep()
    assert len({i.reference for i in told.instructions_for("incentive")}) == 2


@pytest.mark.parametrize("final", [("settled", None), ("rejected", "AC04")])
async def test_a_first_final_word_holds_and_its_contrary_is_parked(
    told: PaymentHarness, final: tuple[str, str | None]
) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, *final)
    await told.report(reference, *final)
    await told.report(reference, "accepted")
    assert await told.parked() == []
    state = "settled" if final[0] == "settled" else "held(needs_approval)"
    contrary = ("rejected", "AC04") if final[0] == "settled" else ("settled", None)
    await told.report(reference, *contrary)
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], state)


async def test_a_contradiction_within_one_batch_is_parked_too(told: PaymentHarness) -> None:
    reference = told.instructions_for("fee")[0].reference
    await told.receive(told.answer(reference, "settled"), told.answer(reference, "rejected", "AC01"))
    assert (await told.parked(), await told.state("fee")) == (["contradicts_final"], "settled")


async def test_a_late_word_on_an_earlier_attempt_is_judged_against_that_attempt(told: PaymentHarness) -> None:
    await reject(told, "incentive", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    await told.sweep("retry")
    first, second = told.instructions_for("incentive")
    await told.report(first.reference, "settled")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "instructed")
    await told.report(first.reference, "rejected", "AC04")
    await told.report(second.reference, "settled")
    assert await told.state("incentive_1") == "settled"
    assert len(await told.breaches()) == 1
    await told.forget_contradictions()


async def test_another_amount_is_parked_and_changes_nothing(told: PaymentHarness) -> None:
    await told.report(told.instructions_for("fee")[0].reference, "settled", amount=FEE - 1)
    assert (await told.parked(), await told.state("fee"), await told.halts()) == (
        ["amount_mismatch"],
        "instructed",
        [],
    )


@pytest.mark.parametrize("reference", [STRANGE, NOWHERE])
async def test_a_reference_that_was_never_sent_halts_the_partner(told: PaymentHarness, reference: str) -> None:
    await told.receive(reported("dana", reference, "settled", INCENTIVE))
    assert (await told.parked(), await told.halts()) == (["unknown_reference"], ["dana"])
    who = await told.connection.fetchval("select who from operation where verb = 'halt'")
    assert who == "payment"


async def test_a_reference_that_another_partner_was_sent_is_unknown_to_this_one(told: PaymentHarness) -> None:
    await told.report(told.instructions_for("incentive")[0].reference, "settled", partner="dana")
    assert (await told.parked(), await told.halts()) == (["unknown_reference"], ["dana"])
    assert await told.state("incentive_1") == "instructed"


async def test_a_partner_that_does_not_answer_is_asked_once_per_interval_and_never_paid_anew(
    told: PaymentHarness,
) -> None:
    assert await told.sweep("ask") == 0
    for interval in range(1, 4):
        told.now = LATER + interval * ANSWER_WITHIN
        await told.sweep("ask")
        assert len(told.status_requests) == 2 * interval
        await told.sweep("ask")
    assert len(told.instructions) == 2
    await told.report(told.instructions_for("fee")[0].reference, "settled")
    told.now += ANSWER_WITHIN
    await told.sweep("ask")
    assert told.status_requests[-1] == told.instructions_for("incentive")[0].reference


async def test_retry_waits_until_the_reports_of_all_partners_have_been_read(told: PaymentHarness) -> None:
    await reject(told, "incentive", "ED05")
    told.now = LATER + RETRY_AFTER
    assert await told.sweep("retry", read_through=told.now - timedelta(microseconds=1)) == 0
    assert await told.sweep("retry") == 1


async def test_question_goes_out_while_the_reports_of_another_partner_are_not_read(told: PaymentHarness) -> None:
    told.now = LATER + ANSWER_WITHIN
    await told.sweep("ask_gopay")
    assert told.status_requests == [told.instructions_for("incentive")[0].reference]
    await told.sweep("ask_bni")
    assert told.status_requests[1:] == [told.instructions_for("fee")[0].reference]


def test_questions_and_retries_name_the_reports_that_can_beat_them(told: PaymentHarness) -> None:
    beaten_by = {timer.name: timer.beaten_by for timer in told.definition.timers}
    assert beaten_by["ask_gopay"] == ("disbursement-reports.gopay",)
    assert len(beaten_by["retry"] or ()) == 6
    assert beaten_by["release"] == beaten_by["return_unused"] == ()


async def test_nobody_is_reminded_of_what_a_partner_has_answered(told: PaymentHarness) -> None:
    async def remembered() -> int:
        found = await told.connection.fetchval("select coalesce(sum(cardinality(redeem_codes)), 0) from reminder")
        return int(found)

    fee, incentive = told.instructions_for("fee")[0].reference, told.instructions_for("incentive")[0].reference
    await told.report(fee, "settled")
    await told.report(incentive, "accepted")
    told.now = LATER + FIRST_CHECK_AFTER
    await told.sweep("ask")
    assert (await remembered(), told.status_requests) == (1, [])
    await told.report(incentive, "settled")
    told.now = LATER + 2 * ANSWER_WITHIN
    await told.sweep("ask")
    assert (await remembered(), told.status_requests) == (0, [])


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
async def test_the_database_refuses_what_must_never_happen(told: PaymentHarness, wrong: str) -> None:
    await told.report(told.instructions_for("fee")[0].reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await told.connection.execute(wrong)


async def test_the_database_refuses_a_second_incentive_of_a_participant(told: PaymentHarness) -> None:
    copy = (
        "insert into disbursement (redeem_code, benefit, participant_id, provider_id, lane, wave, component, payee, "
        "amount, due_at, state, reason, attempt, reference, partner, tried_version, ask_at, changed_at) "
        "select 'PRAT00000002', benefit, participant_id, provider_id, lane, wave, component, payee, "
        "amount, due_at, state, reason, attempt, reference, partner, tried_version, ask_at, changed_at "
        "from disbursement "
        "where benefit = 'incentive_1' and participant_id = $1 and redeem_code = $2"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await told.connection.execute(copy, PARTICIPANT, CODE)
