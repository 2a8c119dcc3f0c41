"""A right that a person must look at is frozen, whatever else holds it and whatever cure comes."""

from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

from services.payment.app import context_of
from services.payment.domain.disbursement import Disbursement
from services.payment.handlers import reports
from services.payment.handlers.contradiction_backfill import freeze_contradicted
from services.payment.handlers.halts import halt, resume
from services.payment.settings import PaymentSettings
from tests.builders import a_provider, funds
from tests.integration.payment.facts import CODE, FEE, INCENTIVE, linked
from tests.integration.payment.harness import PaymentHarness
from tests.integration.payment.test_reports import RETRY_AFTER

LOOKED_AT = ("AM05", "FR01", "FRAD", "RR04")
Cure = Callable[[PaymentHarness], Awaitable[object]]


async def every_cure(told: PaymentHarness) -> None:
    """Whatever may end a hold, one after the other."""
    await told.receive(linked(day=1, partner="dana", verified=False))
    await told.receive(linked(day=2, partner="dana"))
    await told.receive(linked(day=3, partner="ovo"), a_provider(number="8800555", version=2))
    await told.operate(halt, None)
    await told.sweep()
    await told.operate(resume, None)
    await told.receive(funds("48", "training"), funds("48", "incentive"))
    told.now += RETRY_AFTER
    await told.sweep()


async def frozen(told: PaymentHarness, benefit: str) -> bool:
    return bool(await told.connection.fetchval("select frozen from disbursement where benefit = $1", benefit))


@pytest.mark.parametrize("reason", LOOKED_AT)
async def test_what_a_person_must_look_at_goes_again_upon_no_cure_but_an_approval(
    told: PaymentHarness, reason: str
) -> None:
    first = {kind: told.instructions_for(kind)[0].reference for kind in ("fee", "incentive")}
    await told.receive(*(told.answer(reference, "rejected", reason) for reference in first.values()))
    await told.receive(linked(day=1, partner="dana", verified=False))
    assert await told.state("incentive_1") == "held(account_unverified)"
    await every_cure(told)
    assert len(told.instructions) == 2
    assert await told.state("incentive_1") == await told.state("fee") == "held(needs_approval)"

    await told.approve(CODE, "incentive_1")
    await told.sweep()
    assert [i.partner for i in told.instructions_for("incentive")] == ["gopay", "ovo"]
    assert len(told.instructions_for("fee")) == 1


@pytest.mark.parametrize("reason", ["AB05", "AC04", "AC01", "AM21", "MS03", "AM04", "ZZ99"])
async def test_a_contradiction_freezes_whatever_the_right_was_held_for(told: PaymentHarness, reason: str) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", reason)
    await told.report(reference, "settled")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "held(needs_approval)")
    assert told.event_names("incentive_1")[-1] == "held(needs_approval)"
    await told.operate(resume, "gopay") if reason == "AM04" else None
    await every_cure(told)
    assert len(told.instructions_for("incentive")) == 1


async def test_a_contradiction_in_the_batch_of_the_rejection_freezes_before_a_cure_that_is_there(
    told: PaymentHarness,
) -> None:
    await told.receive(linked(day=1, partner="dana"))
    reference = told.instructions_for("incentive")[0].reference
    await told.receive(told.answer(reference, "rejected", "AC04"), told.answer(reference, "settled"))
    assert (await told.state("incentive_1"), len(told.instructions_for("incentive"))) == ("held(needs_approval)", 1)


async def test_a_contradiction_that_is_repeated_changes_nothing_more(told: PaymentHarness) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.receive(told.answer(reference, "settled"), told.answer(reference, "settled"))
    await told.approve(CODE, "incentive_1")
    await told.report(reference, "settled")
    assert await told.parked() == ["contradicts_final"] * 3
    await told.sweep()
    assert await told.state("incentive_1") == "instructed"
    await told.report(reference, "settled")
    assert not await frozen(told, "incentive_1")


async def test_what_was_parked_before_contradictions_were_kept_is_frozen_by_the_upgrade(
    told: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[Disbursement]:
        return []

    reference = told.instructions_for("incentive")[0].reference
    with monkeypatch.context() as then:
        then.setattr(reports, "record_contradictions", nothing)
        await told.report(reference, "rejected", "AB05")
        await told.report(reference, "settled")
        await told.report(told.instructions_for("fee")[0].reference, "settled", amount=FEE - 1)
    assert await told.state("incentive_1") == "held(partner_paused)"

    context = context_of(PaymentSettings.model_validate(told.definition.settings))
    upgrade = partial(freeze_contradicted, context, told.terms, told.decoder, told.now, told.connection)
    assert await upgrade() == ["frozen, since their partners had contradicted themselves: 2 disbursements"]
    assert await upgrade() == []
    assert (await told.state("incentive_1"), await frozen(told, "fee")) == ("held(needs_approval)", True)
    assert await told.parked() == ["contradicts_final", "amount_mismatch"]
    await told.note_pages()
    await every_cure(told)
    assert len(told.instructions) == 2


async def test_another_contradiction_voids_what_was_approved_before_it(told: PaymentHarness) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "AM05")
    await told.approve(CODE, "incentive_1")
    await told.report(reference, "settled")
    await told.sweep()
    assert await told.state("incentive_1") == "held(needs_approval)"


@pytest.mark.parametrize("status", ["settled", "accepted"])
async def test_another_amount_freezes_what_is_under_way_until_its_end(told: PaymentHarness, status: str) -> None:
    reference = told.instructions_for("fee")[0].reference
    await told.report(reference, status, amount=FEE - 1)
    assert (await told.state("fee"), await frozen(told, "fee")) == ("instructed", True)
    await told.report(reference, "rejected", "AB05")
    await every_cure(told)
    assert (await told.parked(), await told.state("fee")) == (["amount_mismatch"], "held(needs_approval)")
    assert len(told.instructions_for("fee")) == 1


async def test_another_amount_and_then_the_right_one_is_settled(told: PaymentHarness) -> None:
    reference = told.instructions_for("fee")[0].reference
    await told.report(reference, "settled", amount=FEE - 1)
    await told.report(reference, "settled")
    assert (await told.state("fee"), await frozen(told, "fee")) == ("settled", False)


@pytest.mark.parametrize("reason", ["AB05", "AC04"])
async def test_another_amount_freezes_what_is_held(told: PaymentHarness, reason: str) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", reason)
    await told.report(reference, "settled", amount=INCENTIVE + 1)
    await every_cure(told)
    assert (await told.state("incentive_1"), len(told.instructions_for("incentive"))) == ("held(needs_approval)", 1)


@pytest.mark.parametrize(("reason", "freezes"), [("AB05", False), ("AC04", False), ("AM05", True), ("LEGL", True)])
async def test_a_rejection_of_another_amount_freezes_only_with_a_reason_that_forbids_another_attempt(
    told: PaymentHarness, reason: str, *, freezes: bool
) -> None:
    reference = told.instructions_for("fee")[0].reference
    await told.report(reference, "rejected", reason, amount=FEE - 1)
    assert (await told.parked(), await frozen(told, "fee")) == (["amount_mismatch"], freezes)
    await told.report(reference, "rejected", "AB05")
    await every_cure(told)
    assert len(told.instructions_for("fee")) == (1 if freezes else 2)


async def test_a_duplicate_of_another_amount_freezes_what_is_to_be_tried_again(told: PaymentHarness) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.report(reference, "rejected", "AM05", amount=INCENTIVE + 1)
    await every_cure(told)
    assert (await told.state("incentive_1"), len(told.instructions_for("incentive"))) == ("held(needs_approval)", 1)


async def test_what_another_partner_says_it_has_paid_freezes_the_right_and_halts_that_partner(
    told: PaymentHarness,
) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "AC04")
    await told.report(reference, "settled", partner="dana")
    assert (await told.parked(), await told.halts()) == (["unknown_reference"], ["dana"])
    assert await told.state("incentive_1") == "held(needs_approval)"
    await every_cure(told)
    assert len(told.instructions_for("incentive")) == 1


async def test_a_rejection_that_comes_again_and_now_speaks_of_a_duplicate_freezes(told: PaymentHarness) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.report(reference, "rejected", "AM05")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "held(needs_approval)")
    await every_cure(told)
    assert len(told.instructions_for("incentive")) == 1


async def test_settled_for_an_earlier_attempt_keeps_the_right_from_a_third(told: PaymentHarness) -> None:
    first = told.instructions_for("incentive")[0].reference
    await told.report(first, "rejected", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    await told.sweep("retry")
    await told.report(first, "settled")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "instructed")
    await told.report(told.instructions_for("incentive")[1].reference, "rejected", "AB05")
    await every_cure(told)
    assert (await told.state("incentive_1"), len(told.instructions_for("incentive"))) == ("held(needs_approval)", 2)

    await told.confirm(first)
    assert await told.state("incentive_1") == "settled"
    told_of = next(data for word, data in reversed(told.announced) if word == "settled")
    assert (told_of["reference"], told_of["partner"], told_of["attempt"]) == (first, "gopay", 1)


async def test_verify_names_a_right_of_which_partners_say_that_it_was_paid_twice(told: PaymentHarness) -> None:
    first = told.instructions_for("incentive")[0].reference
    await told.report(first, "rejected", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    await told.sweep("retry")
    second = told.instructions_for("incentive")[1].reference
    await told.report(second, "settled")
    assert await told.breaches() == []
    await told.report(first, "settled")
    (breach,) = await told.breaches()
    assert breach.startswith(f"{CODE} incentive_1 was paid more than once, say the partners: ")
    assert {first, second} <= set(breach.split())
    await told.forget_contradictions()


async def test_verify_names_what_was_written_off_and_is_said_to_be_settled(told: PaymentHarness) -> None:
    reference = told.instructions_for("incentive")[0].reference
    await told.report(reference, "rejected", "MD07")
    await told.report(reference, "settled")
    assert await told.state("incentive_1") == "failed"
    assert await told.breaches() == [f"{CODE} incentive_1 has failed, and its partner says that {reference} is settled"]
    await told.forget_contradictions()


AGAIN = "state = 'instructed', reason = null, attempt = 2, reference = '3Q2M9K4T1B8XW3ZA', ask_at = now()"
SETTLED = "state = 'settled', reason = null, frozen = false, settled_at = now()"


@pytest.mark.parametrize(
    "wrong",
    [
        "update disbursement set frozen = false",
        "update disbursement set frozen = false, reason = 'no_funds'",
        "update disbursement set state = 'failed', reason = null, frozen = false",
        f"update disbursement set {AGAIN}",
        f"update disbursement set {AGAIN}, frozen = false",
        f"update disbursement set {SETTLED}",
        "update funds set overdrawn = 1, drawn = appropriated + 1",
        "update contradiction set status = 'rejected'",
        "delete from contradiction",
        "truncate contradiction",
    ],
)
async def test_the_database_lets_nothing_frozen_go_unless_somebody_has_decided(
    told: PaymentHarness, wrong: str
) -> None:
    for reference in (told.instructions_for("fee")[0].reference, told.instructions_for("incentive")[0].reference):
        await told.report(reference, "rejected", "AB05")
        await told.report(reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await told.connection.execute(wrong)
