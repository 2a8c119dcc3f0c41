"""Erased participants: each state of a payment, whatever is read first, and what is left of their accounts."""

from datetime import timedelta

import asyncpg
import pytest

from services.payment.ops import audit_trail
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    blocked,
    completed,
    confirmed,
    erased,
    journey,
    linked,
    rated,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored

OTHER = "PRAT000000BB"


async def states(harness: PaymentHarness) -> list[str]:
    return [await harness.state("fee"), await harness.state("incentive_1")]


async def numbers_kept(harness: PaymentHarness) -> int:
    """Return how many sealed accounts of the participant are kept, attempts included."""
    query = """select (select count(*) from account where account <> '')
        + (select count(*) from attempt join disbursement using (redeem_code, benefit)
           where payee = 'participant' and account <> '')"""
    return int(await harness.connection.fetchval(query))


@pytest.mark.parametrize("limit", ["no_account", "no_funds", "participant_blocked"])
async def test_what_is_held_is_cancelled(harness: PaymentHarness, limit: str) -> None:
    await harness.prepare(**({"training": 1, "incentive": 1} if limit == "no_funds" else {}))
    if limit == "participant_blocked":
        await harness.receive(blocked())
    await harness.receive(*journey()[limit == "no_account" :])
    assert await harness.state("incentive_1") == f"held({limit})"
    await harness.receive(erased())
    assert await harness.state("incentive_1") == "cancelled"
    (reason,) = [
        data["reason"] for name, data in harness.announced if name == "cancelled" and data["benefit"] == "incentive_1"
    ]
    assert reason == "erased"
    await harness.receive(unblocked(), linked(day=1, partner="dana"))
    await harness.sweep()
    assert await harness.state("incentive_1") == "cancelled"


async def test_order_of_an_erasure_decides_nothing_of_what_is_not_instructed(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), linked(), erased())
    await harness.receive(completed(), rated())
    assert await states(harness) == ["cancelled", "cancelled"]
    assert harness.event_names("fee") == ["scheduled", "cancelled"]
    assert (harness.instructions, await numbers_kept(harness)) == ([], 0)


async def test_in_one_batch_the_erasure_comes_before_the_account_and_the_money(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey(), erased())
    assert (await states(harness), harness.instructions) == (["cancelled", "cancelled"], [])
    assert await numbers_kept(harness) == 0


async def test_later_trainings_of_the_erased_earn_nothing(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(erased())
    for code in (CODE, OTHER):
        await harness.receive(*journey(code=code))
    assert await harness.connection.fetchval("select array_agg(distinct state) from disbursement") == ["cancelled"]
    assert harness.instructions == []


async def test_months_of_the_erased_are_cancelled_when_they_come(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey(months=2))
    for instruction in list(harness.instructions):
        await harness.report(instruction.reference, "settled")
    await harness.receive(erased())
    harness.now += timedelta(days=100)
    await harness.sweep()
    assert [await harness.state(f"incentive_{number}") for number in (1, 2, 3)] == ["settled", "cancelled", "cancelled"]


@pytest.mark.parametrize(("status", "then"), [("settled", "settled"), ("rejected", "cancelled")])
async def test_attempt_at_a_partner_goes_on(instructed: PaymentHarness, status: str, then: str) -> None:
    await instructed.receive(erased())
    assert (await states(instructed), await numbers_kept(instructed)) == (["instructed", "instructed"], 1)
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, status, "AC04" if status == "rejected" else None)
    await instructed.sweep()
    assert (await states(instructed), await numbers_kept(instructed)) == ([then, then], 0)
    assert (await instructed.balance("claims"), len(instructed.instructions)) == (0, 2)


async def test_what_was_paid_stays_in_the_books(instructed: PaymentHarness) -> None:
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, "settled")
    before = await instructed.connection.fetch("select * from transfer order by lane, number")
    await instructed.receive(erased())
    assert await instructed.connection.fetch("select * from transfer order by lane, number") == before
    assert (await instructed.balance("paid:fee"), await instructed.balance("paid:incentive")) == (FEE, INCENTIVE)
    assert (await states(instructed), await numbers_kept(instructed)) == (["settled", "settled"], 0)


async def test_claim_on_what_was_paid_stays_and_a_later_void_opens_one(instructed: PaymentHarness) -> None:
    await instructed.receive(erased())
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, "settled")
    await instructed.receive(voided())
    assert await instructed.balance("claims") == FEE + INCENTIVE


@pytest.mark.parametrize("void_first", [True, False])
async def test_void_outranks_the_erasure_of_what_is_at_a_partner(instructed: PaymentHarness, void_first: bool) -> None:
    for event in (voided(), erased()) if void_first else (erased(), voided()):
        await instructed.receive(event)
    fee, incentive = instructed.instructions
    await instructed.report(fee.reference, "settled")
    await instructed.report(incentive.reference, "rejected", "AC04")
    assert await instructed.balance("claims") == FEE
    assert [data["reason"] for name, data in instructed.announced if name == "cancelled"] == ["voided"]


async def test_frozen_disbursement_of_the_erased_waits_for_two_persons(instructed: PaymentHarness) -> None:
    fee, incentive = instructed.instructions
    for reference in (fee.reference, incentive.reference):
        await instructed.report(reference, "rejected", "FR01")
    await instructed.receive(erased())
    assert await states(instructed) == ["held(needs_approval)", "held(needs_approval)"]
    assert await numbers_kept(instructed) == 0
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    await instructed.confirm(fee.reference)
    assert await states(instructed) == ["settled", "cancelled"]
    assert await instructed.balance("claims") == 0


async def test_blocks_and_unblocks_change_nothing_for_the_erased(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "FR01")
    await instructed.receive(erased())
    await instructed.receive(blocked())
    await instructed.receive(unblocked())
    assert await instructed.state("incentive_1") == "held(needs_approval)"


async def test_further_erasures_and_accounts_change_nothing(instructed: PaymentHarness) -> None:
    await instructed.receive(erased(), erased(at=COMPLETED_AT))
    said = list(instructed.announced)
    await instructed.receive(erased(), linked(day=2, partner="dana"))
    assert (instructed.announced, await numbers_kept(instructed)) == (said, 1)
    assert await instructed.parked() == []


async def test_database_keeps_an_erasure_and_the_account_of_the_living(instructed: PaymentHarness) -> None:
    refused = asyncpg.IntegrityConstraintViolationError
    with pytest.raises(refused):
        await instructed.connection.execute("update attempt set account = ''")
    await instructed.receive(erased())
    for statement in (
        "delete from erasure",
        "update erasure set erased_at = now()",
        "update attempt set account = 'another'",
    ):
        with pytest.raises(refused):
            await instructed.connection.execute(statement)


async def test_verify_names_an_account_that_is_left(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked())
    await harness.receive(erased())
    await harness.connection.execute("update account set account = 'left'")
    assert await harness.breaches() == [f"participant {PARTICIPANT} was erased, and an account number or a key is left"]
    await harness.connection.execute("update account set account = ''")


async def test_audit_trail_shows_the_erasure(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey(), erased())
    found = await audit_trail(harness.context, harness.connection, PARTICIPANT)
    assert found is not None
    assert found["erasure"] == {"erased_at": "2023-03-07T12:00:00Z"}


async def test_erasure_of_before_a_restore_holds_before_anything_is_paid(restored: Restored) -> None:
    before, after = restored.before, restored.after
    person = "4810000000000034"
    await before.receive(confirmed(person, OTHER), completed(person, OTHER), rated(person, OTHER))
    await before.receive(erased(person))
    # The backup holds what was due, and the money and the account came before its event is read again.
    await after.receive(confirmed(person, OTHER), completed(person, OTHER))
    await restored.adopt()
    await after.prepare()
    await after.receive(linked(person), rated(person, OTHER))
    await after.sweep()
    # The fee had been instructed before the erasure.
    assert await states(after) == ["instructed", "cancelled"]
    assert after.instructions_for("incentive") == []
    await after.receive(*journey(), erased(person))
    assert await after.breaches() == []


async def test_instruction_of_before_a_restore_goes_on_to_the_erased(restored: Restored) -> None:
    await restored.adopt()
    after = restored.after
    await after.prepare()
    await after.receive(linked(), confirmed(), erased())
    await after.receive(completed(), rated())
    assert sorted(after.instructions, key=str) == sorted(restored.before.instructions, key=str)
    for instruction in list(after.instructions):
        await after.report(instruction.reference, "settled")
    assert (await states(after), await after.breaches()) == (["settled", "settled"], [])
    assert await numbers_kept(after) == 0
