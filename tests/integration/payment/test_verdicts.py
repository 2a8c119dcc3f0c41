"""A right that a person must look at is frozen, whatever else holds it and whatever cure comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from services.payment.handlers import enrolling
from services.payment.handlers.approving import approve
from services.payment.handlers.halting import halt, resume
from services.payment.handlers.paying import pay
from shared.messaging.operations import Operator, Refused
from shared.postgres.session import connect
from tests.builders import a_provider, funds
from tests.infrastructure import Database
from tests.integration.messaging.running import until
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import CODE, FEE, INCENTIVE, in_one_lane, journey, linked
from tests.integration.payment.test_reports import RETRY_AFTER

LOOKED_AT = ("AM05", "FR01", "FRAD", "RR04")
Cure = Callable[[Bench], Awaitable[object]]


@pytest.fixture
async def told(bench: Bench) -> Bench:
    """Fee and incentive have been instructed."""
    await bench.prepare()
    await bench.receive(*journey())
    return bench


async def every_cure(told: Bench) -> None:
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


async def frozen(told: Bench, benefit: str) -> bool:
    return bool(await told.connection.fetchval("select frozen from disbursement where benefit = $1", benefit))


@pytest.mark.parametrize("reason", LOOKED_AT)
async def test_what_a_person_must_look_at_goes_again_upon_no_cure_but_an_approval(told: Bench, reason: str) -> None:
    first = {kind: told.told(kind)[0].reference for kind in ("fee", "incentive")}
    await told.receive(*(told.answer(reference, "rejected", reason) for reference in first.values()))
    await told.receive(linked(day=1, partner="dana", verified=False))
    assert await told.state("incentive_1") == "held(account_unverified)"
    await every_cure(told)
    assert len(told.instructions) == 2
    assert await told.state("incentive_1") == await told.state("fee") == "held(needs_approval)"

    await told.approve(CODE, "incentive_1")
    await told.sweep()
    assert [i.partner for i in told.told("incentive")] == ["gopay", "ovo"]
    assert len(told.told("fee")) == 1


@pytest.mark.parametrize("reason", ["AB05", "AC04", "AC01", "AM21", "MS03", "AM04", "ZZ99"])
async def test_a_contradiction_freezes_whatever_the_right_was_held_for(told: Bench, reason: str) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", reason)
    await told.report(reference, "settled")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "held(needs_approval)")
    assert told.words("incentive_1")[-1] == "held(needs_approval)"
    await told.operate(resume, "gopay") if reason == "AM04" else None
    await every_cure(told)
    assert len(told.told("incentive")) == 1


async def test_a_contradiction_in_the_batch_of_the_rejection_freezes_before_a_cure_that_is_there(told: Bench) -> None:
    await told.receive(linked(day=1, partner="dana"))
    reference = told.told("incentive")[0].reference
    await told.receive(told.answer(reference, "rejected", "AC04"), told.answer(reference, "settled"))
    assert (await told.state("incentive_1"), len(told.told("incentive"))) == ("held(needs_approval)", 1)


async def test_a_contradiction_that_is_repeated_changes_nothing_more(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.receive(told.answer(reference, "settled"), told.answer(reference, "settled"))
    await told.approve(CODE, "incentive_1")
    await told.report(reference, "settled")
    assert await told.parked() == ["contradicts_final"] * 3
    await told.sweep()
    assert await told.state("incentive_1") == "instructed"
    await told.report(reference, "settled")
    assert not await frozen(told, "incentive_1")


async def test_another_contradiction_voids_what_was_approved_before_it(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "AM05")
    await told.approve(CODE, "incentive_1")
    await told.report(reference, "settled")
    await told.sweep()
    assert await told.state("incentive_1") == "held(needs_approval)"


@pytest.mark.parametrize("status", ["settled", "accepted"])
async def test_another_amount_freezes_what_is_under_way_until_its_end(told: Bench, status: str) -> None:
    reference = told.told("fee")[0].reference
    await told.report(reference, status, amount=FEE - 1)
    assert (await told.state("fee"), await frozen(told, "fee")) == ("instructed", True)
    await told.report(reference, "rejected", "AB05")
    await every_cure(told)
    assert (await told.parked(), await told.state("fee")) == (["amount_mismatch"], "held(needs_approval)")
    assert len(told.told("fee")) == 1


async def test_another_amount_and_then_the_right_one_is_settled(told: Bench) -> None:
    reference = told.told("fee")[0].reference
    await told.report(reference, "settled", amount=FEE - 1)
    await told.report(reference, "settled")
    assert (await told.state("fee"), await frozen(told, "fee")) == ("settled", False)


async def test_a_rejection_of_another_amount_is_parked_and_freezes_nothing(told: Bench) -> None:
    await told.report(told.told("fee")[0].reference, "rejected", "AB05", amount=FEE - 1)
    assert (await told.parked(), await frozen(told, "fee")) == (["amount_mismatch"], False)


async def test_what_another_partner_says_it_has_paid_freezes_the_right_and_halts_that_partner(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "AC04")
    await told.report(reference, "settled", partner="dana")
    assert (await told.parked(), await told.halts()) == (["unknown_reference"], ["dana"])
    assert await told.state("incentive_1") == "held(needs_approval)"
    await every_cure(told)
    assert len(told.told("incentive")) == 1


async def test_a_rejection_that_comes_again_and_now_speaks_of_a_duplicate_freezes(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.report(reference, "rejected", "AM05")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "held(needs_approval)")
    await every_cure(told)
    assert len(told.told("incentive")) == 1


async def test_settled_for_an_earlier_attempt_keeps_the_right_from_a_third(told: Bench) -> None:
    first = told.told("incentive")[0].reference
    await told.report(first, "rejected", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    await told.report(first, "settled")
    assert (await told.parked(), await told.state("incentive_1")) == (["contradicts_final"], "instructed")
    await told.report(told.told("incentive")[1].reference, "rejected", "AB05")
    await every_cure(told)
    assert (await told.state("incentive_1"), len(told.told("incentive"))) == ("held(needs_approval)", 2)

    await told.confirm(first)
    assert await told.state("incentive_1") == "settled"
    told_of = next(data for word, data in reversed(told.said) if word == "settled")
    assert (told_of["reference"], told_of["partner"], told_of["attempt"]) == (first, "gopay", 1)


async def test_verify_names_a_right_of_which_partners_say_that_it_was_paid_twice(told: Bench) -> None:
    first = told.told("incentive")[0].reference
    await told.report(first, "rejected", "AC04")
    await told.receive(linked(day=1, partner="dana"))
    second = told.told("incentive")[1].reference
    await told.report(second, "settled")
    assert await told.breaches() == []
    await told.report(first, "settled")
    (breach,) = await told.breaches()
    assert breach.startswith(f"{CODE} incentive_1 was paid more than once, say the partners: ")
    assert {first, second} <= set(breach.split())
    await told.forget_contradictions()


async def test_verify_names_what_was_written_off_and_is_said_to_be_settled(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "MD07")
    await told.report(reference, "settled")
    assert await told.state("incentive_1") == "failed"
    assert await told.breaches() == [f"{CODE} incentive_1 has failed, and its partner says that {reference} is settled"]
    await told.forget_contradictions()


async def test_an_approval_is_void_when_the_account_has_changed_since(bench: Bench) -> None:
    """Approved while money was there; it goes for want of money, and then the provider has another account."""
    poor, rich = in_one_lane(2)
    await bench.prepare(training=FEE)
    await bench.receive(*journey(poor, "PRAT00000001"))
    await bench.report(bench.told("fee")[0].reference, "rejected", "AM05")
    await bench.receive(*journey(rich, "PRAT00000002"))
    await bench.approve("PRAT00000001", "fee")
    await bench.sweep()
    assert await bench.state("fee", "PRAT00000001") == "held(no_funds)"

    await bench.receive(a_provider(number="8800555", version=2), funds("48", "training", rupiah=FEE))
    await bench.sweep()
    assert await bench.state("fee", "PRAT00000001") == "held(needs_approval)"
    await bench.sweep()
    await bench.approve("PRAT00000001", "fee")
    await bench.sweep()
    assert await bench.state("fee", "PRAT00000001") == "instructed"


@pytest.mark.parametrize("people", [("Ani",), ("Ani", "ani ")])
async def test_one_person_alone_lets_nothing_go_that_is_frozen(told: Bench, people: tuple[str, ...]) -> None:
    await told.report(told.told("fee")[0].reference, "rejected", "FR01")
    await told.approve(CODE, "fee", people[0])
    for again in people[1:]:
        with pytest.raises(Refused, match="two different persons"):
            await told.approve(CODE, "fee", again)
    await told.sweep()
    assert await told.state("fee") == "held(needs_approval)"


async def test_the_word_of_a_first_person_is_void_when_the_account_changes(told: Bench) -> None:
    await told.report(told.told("incentive")[0].reference, "rejected", "FR01")
    await told.approve(CODE, "incentive_1", "Ani")
    await told.receive(linked(day=1, partner="dana"))
    await told.approve(CODE, "incentive_1", "Budi")
    await told.sweep()
    assert await told.state("incentive_1") == "held(needs_approval)"
    await told.approve(CODE, "incentive_1", "Ani")
    await told.sweep()
    assert [i.partner for i in told.told("incentive")] == ["gopay", "dana"]


async def test_nothing_is_approved_that_has_no_account_to_go_to(told: Bench) -> None:
    await told.report(told.told("incentive")[0].reference, "rejected", "MS03")
    await told.connection.execute("update account set verified = false")
    with pytest.raises(Refused, match="account_unverified"):
        await told.approve(CODE, "incentive_1")
    await told.connection.execute("update account set verified = true")


async def test_an_approval_waits_for_a_handler_that_has_loaded_and_not_yet_saved(
    told: Bench, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is approved is what the handler leaves behind; and what is approved, no handler writes back."""
    await told.report(told.told("incentive")[0].reference, "rejected", "FR01")
    loaded, waits = asyncio.Event(), "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    desk, watch = [await connect(database.url_of("payment"), name) for name in ("desk", "watch")]

    async def pay_slowly(*arguments: Any) -> int:
        loaded.set()
        await until(lambda: watch.fetchval(f"{waits} and application_name = 'desk'"), "the approval waits")
        return await pay(*arguments)

    monkeypatch.setattr(enrolling, "pay", pay_slowly)
    linking = asyncio.create_task(told.receive(linked(day=1, partner="dana")))
    await loaded.wait()
    for who in ("Ani", "Budi"):
        async with desk.transaction():
            await approve(desk, Operator(who, "a call", told.now), None, CODE, "incentive_1")
    await linking
    await desk.close()
    await watch.close()
    await told.sweep()
    assert [i.partner for i in told.told("incentive")] == ["gopay", "dana"]


@pytest.mark.parametrize("benefit", ["fee", "incentive_1", "survey_1"])
async def test_an_approval_that_matches_nothing_is_refused(told: Bench, benefit: str) -> None:
    with pytest.raises(Refused, match="does not wait for an operator"):
        await told.approve(CODE, benefit)


async def test_a_payment_that_did_go_out_is_booked_as_instructed_again_and_settled(told: Bench) -> None:
    fee = told.told("fee")[0].reference
    await told.report(fee, "rejected", "AM05")
    await told.confirm(fee, "Ani")
    assert await told.state("fee") == "held(needs_approval)"
    await told.confirm(fee, "Budi")
    assert (await told.state("fee"), await told.balance("paid:fee"), await told.balance("clearing:bni")) == (
        "settled",
        FEE,
        0,
    )
    assert told.words("fee")[-2:] == ["held(needs_approval)", "settled"]
    with pytest.raises(Refused, match="no attempt of a frozen right"):
        await told.confirm(fee)
    for word in (("settled", None), ("rejected", "AM05")):
        await told.report(fee, *word)
    assert (await told.parked(), await told.state("fee")) == ([], "settled")


async def test_what_its_partner_said_after_all_is_what_the_confirmed_payment_shows(told: Bench) -> None:
    reference = told.told("incentive")[0].reference
    await told.report(reference, "rejected", "AB05")
    await told.report(reference, "settled")
    await told.confirm(reference)
    assert await told.connection.fetchval(
        "select d.settled_at = c.reported_at and d.partner_reference = c.partner_reference"
        " from disbursement d join contradiction c using (redeem_code, benefit)"
    )
    await told.report(reference, "settled")
    assert await told.parked() == ["contradicts_final"]


@pytest.mark.parametrize("answer", [("settled", None), ("rejected", "AC04"), None])
async def test_only_a_frozen_right_is_confirmed(told: Bench, answer: tuple[str, str | None] | None) -> None:
    reference = told.told("incentive")[0].reference
    if answer:
        await told.report(reference, *answer)
    with pytest.raises(Refused, match="no attempt of a frozen right"):
        await told.confirm(reference)
    with pytest.raises(Refused, match="never instructed"):
        await told.confirm("3Q2M9K4T1B8XW3ZA")


async def test_a_wave_without_money_is_overdrawn_by_name_until_money_comes(bench: Bench) -> None:
    """The money came back with the rejection and went to somebody else."""
    first, second = in_one_lane(2)
    await bench.prepare(incentive=INCENTIVE)
    await bench.receive(*journey(first, "PRAT00000001"))
    reference = bench.told("incentive")[0].reference
    await bench.report(reference, "rejected", "AM05")
    await bench.receive(*journey(second, "PRAT00000002"))
    assert len(bench.told("incentive")) == 2
    await bench.confirm(reference)
    assert await bench.state("incentive_1", "PRAT00000001") == "settled"
    overdraft = f"wave 48, incentive: {INCENTIVE} rupiah went out and were not appropriated"
    assert await bench.breaches() == [overdraft]

    await bench.receive(*journey("4810000000000094", "PRAT00000003"))
    await bench.sweep()
    assert await bench.state("incentive_1", "PRAT00000003") == "held(no_funds)"
    await bench.receive(funds("48", "incentive", rupiah=INCENTIVE - 1))
    await bench.sweep()
    assert await bench.breaches() == ["wave 48, incentive: 1 rupiah went out and were not appropriated"]
    await bench.receive(funds("48", "incentive", rupiah=INCENTIVE + 1))
    await bench.sweep()
    assert await bench.state("incentive_1", "PRAT00000003") == "instructed"


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
async def test_the_database_lets_nothing_frozen_go_unless_somebody_has_decided(told: Bench, wrong: str) -> None:
    for reference in (told.told("fee")[0].reference, told.told("incentive")[0].reference):
        await told.report(reference, "rejected", "AB05")
        await told.report(reference, "settled")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await told.connection.execute(wrong)
