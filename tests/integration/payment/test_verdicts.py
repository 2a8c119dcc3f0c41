"""Frozen disbursements: reviewed by a person first, whatever the hold reason and whatever cure comes."""

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


async def every_cure(instructed: PaymentHarness) -> None:
    """Apply every cure, one after the other."""
    await instructed.receive(linked(day=1, partner="dana", verified=False))
    await instructed.receive(linked(day=2, partner="dana"))
    await instructed.receive(linked(day=3, partner="ovo"), a_provider(number="8800555", version=2))
    await instructed.operate(halt, "all")
    await instructed.sweep()
    await instructed.operate(resume, "all")
    await instructed.receive(funds("48", "training"), funds("48", "incentive"))
    instructed.now += RETRY_AFTER
    await instructed.sweep()


async def frozen(instructed: PaymentHarness, benefit: str) -> bool:
    return bool(await instructed.connection.fetchval("select frozen from disbursement where benefit = $1", benefit))


@pytest.mark.parametrize("reason", LOOKED_AT)
async def test_frozen_disbursement_is_retried_only_after_approval(instructed: PaymentHarness, reason: str) -> None:
    first = {kind: instructed.instructions_for(kind)[0].reference for kind in ("fee", "incentive")}
    await instructed.receive(*(instructed.answer(reference, "rejected", reason) for reference in first.values()))
    await instructed.receive(linked(day=1, partner="dana", verified=False))
    assert await instructed.state("incentive_1") == "held(account_unverified)"
    await every_cure(instructed)
    assert len(instructed.instructions) == 2
    assert await instructed.state("incentive_1") == await instructed.state("fee") == "held(needs_approval)"

    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    assert [i.partner for i in instructed.instructions_for("incentive")] == ["gopay", "ovo"]
    assert len(instructed.instructions_for("fee")) == 1


@pytest.mark.parametrize("reason", ["AB05", "AC04", "AC01", "AM21", "MS03", "AM04", "ZZ99"])
async def test_contradiction_freezes_whatever_the_hold_reason(instructed: PaymentHarness, reason: str) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", reason)
    await instructed.report(reference, "settled")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (
        ["contradicts_final"],
        "held(needs_approval)",
    )
    assert instructed.event_names("incentive_1")[-1] == "held(needs_approval)"
    await instructed.operate(resume, "gopay") if reason == "AM04" else None
    await every_cure(instructed)
    assert len(instructed.instructions_for("incentive")) == 1


async def test_contradiction_in_the_batch_of_its_rejection_freezes_before_a_cure(
    instructed: PaymentHarness,
) -> None:
    await instructed.receive(linked(day=1, partner="dana"))
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.receive(instructed.answer(reference, "rejected", "AC04"), instructed.answer(reference, "settled"))
    assert (await instructed.state("incentive_1"), len(instructed.instructions_for("incentive"))) == (
        "held(needs_approval)",
        1,
    )


async def test_a_contradiction_that_is_repeated_changes_nothing_more(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AB05")
    await instructed.receive(instructed.answer(reference, "settled"), instructed.answer(reference, "settled"))
    await instructed.approve(CODE, "incentive_1")
    await instructed.report(reference, "settled")
    assert await instructed.parked() == ["contradicts_final"] * 3
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "instructed"
    await instructed.report(reference, "settled")
    assert not await frozen(instructed, "incentive_1")


async def test_upgrade_freezes_disbursements_whose_contradictions_were_parked(
    instructed: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[Disbursement]:
        return []

    reference = instructed.instructions_for("incentive")[0].reference
    with monkeypatch.context() as then:
        then.setattr(reports, "record_contradictions", nothing)
        await instructed.report(reference, "rejected", "AB05")
        await instructed.report(reference, "settled")
        await instructed.report(instructed.instructions_for("fee")[0].reference, "settled", amount=FEE - 1)
    assert await instructed.state("incentive_1") == "held(partner_paused)"

    context = context_of(PaymentSettings.model_validate(instructed.definition.settings))
    upgrade = partial(
        freeze_contradicted,
        partial(reports.process_reports, context),
        instructed.terms,
        instructed.decoder,
        instructed.now,
        instructed.connection,
    )
    assert await upgrade() == ["frozen, since their partners had contradicted themselves: 2 disbursements"]
    assert await upgrade() == []
    assert (await instructed.state("incentive_1"), await frozen(instructed, "fee")) == ("held(needs_approval)", True)
    assert await instructed.parked() == ["contradicts_final", "amount_mismatch"]
    await instructed.note_pages()
    await every_cure(instructed)
    assert len(instructed.instructions) == 2


async def test_another_contradiction_voids_what_was_approved_before_it(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AM05")
    await instructed.approve(CODE, "incentive_1")
    await instructed.report(reference, "settled")
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(needs_approval)"


@pytest.mark.parametrize("status", ["settled", "accepted"])
async def test_report_of_another_amount_freezes_an_open_attempt_until_final(
    instructed: PaymentHarness, status: str
) -> None:
    reference = instructed.instructions_for("fee")[0].reference
    await instructed.report(reference, status, amount=FEE - 1)
    assert (await instructed.state("fee"), await frozen(instructed, "fee")) == ("instructed", True)
    await instructed.report(reference, "rejected", "AB05")
    await every_cure(instructed)
    assert (await instructed.parked(), await instructed.state("fee")) == (["amount_mismatch"], "held(needs_approval)")
    assert len(instructed.instructions_for("fee")) == 1


@pytest.mark.parametrize("reason", ["AB05", "AC04"])
async def test_report_of_another_amount_freezes_a_held_disbursement(instructed: PaymentHarness, reason: str) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", reason)
    await instructed.report(reference, "settled", amount=INCENTIVE + 1)
    await every_cure(instructed)
    assert (await instructed.state("incentive_1"), len(instructed.instructions_for("incentive"))) == (
        "held(needs_approval)",
        1,
    )


@pytest.mark.parametrize(("reason", "freezes"), [("AB05", False), ("AC04", False), ("AM05", True), ("LEGL", True)])
async def test_rejection_of_another_amount_freezes_if_its_reason_forbids_retry(
    instructed: PaymentHarness, reason: str, *, freezes: bool
) -> None:
    reference = instructed.instructions_for("fee")[0].reference
    await instructed.report(reference, "rejected", reason, amount=FEE - 1)
    assert (await instructed.parked(), await frozen(instructed, "fee")) == (["amount_mismatch"], freezes)
    await instructed.report(reference, "rejected", "AB05")
    await every_cure(instructed)
    assert len(instructed.instructions_for("fee")) == (1 if freezes else 2)


async def test_rejection_as_duplicate_of_another_amount_freezes_a_retry(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AB05")
    await instructed.report(reference, "rejected", "AM05", amount=INCENTIVE + 1)
    await every_cure(instructed)
    assert (await instructed.state("incentive_1"), len(instructed.instructions_for("incentive"))) == (
        "held(needs_approval)",
        1,
    )


async def test_payment_reported_by_another_partner_freezes_and_halts_it(
    instructed: PaymentHarness,
) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AC04")
    await instructed.report(reference, "settled", partner="dana")
    assert (await instructed.parked(), await instructed.halts()) == (["unknown_reference"], ["dana"])
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    await every_cure(instructed)
    assert len(instructed.instructions_for("incentive")) == 1


async def test_repeated_rejection_that_now_names_a_duplicate_freezes(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AB05")
    await instructed.report(reference, "rejected", "AM05")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (
        ["contradicts_final"],
        "held(needs_approval)",
    )
    await every_cure(instructed)
    assert len(instructed.instructions_for("incentive")) == 1


async def test_settled_report_on_an_earlier_attempt_prevents_a_third(instructed: PaymentHarness) -> None:
    first = instructed.instructions_for("incentive")[0].reference
    await instructed.report(first, "rejected", "AC04")
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep("retry")
    await instructed.report(first, "settled")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (["contradicts_final"], "instructed")
    await instructed.report(instructed.instructions_for("incentive")[1].reference, "rejected", "AB05")
    await every_cure(instructed)
    assert (await instructed.state("incentive_1"), len(instructed.instructions_for("incentive"))) == (
        "held(needs_approval)",
        2,
    )

    await instructed.confirm(first)
    assert await instructed.state("incentive_1") == "settled"
    told_of = next(data for word, data in reversed(instructed.announced) if word == "settled")
    assert (told_of["reference"], told_of["partner"], told_of["attempt"]) == (first, "gopay", 1)


async def test_verify_names_a_failed_disbursement_that_is_reported_settled(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "MD07")
    await instructed.report(reference, "settled")
    assert await instructed.state("incentive_1") == "failed"
    (breach,) = await instructed.breaches()
    assert breach.startswith(f"{CODE} incentive_1 is failed, and its partner reports {reference} as settled; ")
    assert breach.endswith("docs/runbooks/restore.md")
    await instructed.forget_contradictions()


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
async def test_database_refuses_to_move_a_frozen_disbursement_without_a_decision(
    instructed: PaymentHarness, wrong: str
) -> None:
    for reference in (
        instructed.instructions_for("fee")[0].reference,
        instructed.instructions_for("incentive")[0].reference,
    ):
        await instructed.report(reference, "rejected", "AB05")
        await instructed.report(reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await instructed.connection.execute(wrong)
