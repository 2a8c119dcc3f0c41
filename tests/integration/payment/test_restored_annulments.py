"""Restore: what was announced before voids and blocks stays binding, in whatever order inputs are read again."""

from collections.abc import Callable

import pytest

from tests.builders import Event
from tests.integration.payment.facts import (
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    blocked,
    completed,
    confirmed,
    journey,
    linked,
    rated,
    revoked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored

OTHER = "PRAT000000BB"
BOTH = pytest.mark.parametrize("annul", [voided, revoked])


async def prepare(restored: Restored) -> PaymentHarness:
    await restored.adopt()
    await restored.after.prepare()
    return restored.after


@BOTH
async def test_instruction_of_before_a_restore_goes_on_after_a_void(
    restored: Restored, annul: Callable[..., Event]
) -> None:
    after = await prepare(restored)
    await after.receive(linked(), confirmed(), annul())
    await after.receive(completed(), rated())
    assert sorted(after.instructions, key=str) == sorted(restored.before.instructions, key=str)
    for instruction in list(after.instructions):
        await after.report(instruction.reference, "settled")
    assert await after.balance("claims") == FEE + INCENTIVE
    assert await after.breaches() == []


async def test_second_attempt_of_before_a_restore_goes_on_after_a_void(restored: Restored) -> None:
    before = restored.before
    first = before.instructions_for("incentive")[0].reference
    await before.report(first, "rejected", "AC04")
    await before.receive(linked(day=1, partner="dana"))
    await before.sweep("retry")
    await before.receive(voided())

    after = await prepare(restored)
    await after.receive(linked(day=1, partner="dana"), confirmed(), voided())
    await after.receive(completed(), rated())
    await after.report(first, "rejected", "AC04")
    assert after.instructions_for("incentive") == before.instructions_for("incentive")
    await after.report(after.instructions_for("incentive")[1].reference, "rejected", "AC04")
    assert await after.state("incentive_1") == "cancelled"
    assert await after.breaches() == []


@pytest.mark.parametrize("void_known_before", [True, False])
async def test_announced_incentive_never_instructed_goes_to_another_training(
    restored: Restored, void_known_before: bool
) -> None:
    person = "4810000000000034"
    before, after = restored.before, restored.after
    await before.receive(confirmed(person), completed(person), rated(person))
    if void_known_before:
        await before.receive(voided(person))
    await restored.adopt()
    await after.prepare()
    at = COMPLETED_AT.replace(year=COMPLETED_AT.year + 1)
    await after.receive(*journey(), confirmed(person), confirmed(person, OTHER), linked(person), voided(person))
    await after.receive(completed(person, OTHER, at), rated(person, OTHER, at), completed(person), rated(person))
    assert await after.state("incentive_1", OTHER) == "instructed"
    assert await after.breaches() == []


async def test_claims_are_opened_again_with_the_same_content(restored: Restored) -> None:
    before = restored.before
    for instruction in list(before.instructions):
        await before.report(instruction.reference, "settled")
    await before.receive(voided())
    after = await prepare(restored)
    await after.receive(linked(), confirmed(), voided())
    await after.receive(completed(), rated())
    for instruction in list(after.instructions):
        await after.report(instruction.reference, "settled")

    def claims(harness: PaymentHarness) -> list[object]:
        return sorted((data for name, data in harness.announced if name == "claim_opened"), key=str)

    assert claims(after) == claims(before)
    assert len(claims(after)) == 2


async def test_instruction_of_before_a_restore_goes_on_to_a_blocked_participant(restored: Restored) -> None:
    after = await prepare(restored)
    await after.receive(linked(), confirmed(), blocked(at=COMPLETED_AT))
    await after.receive(completed(), rated())
    assert sorted(after.instructions, key=str) == sorted(restored.before.instructions, key=str)
    for instruction in list(after.instructions):
        await after.report(instruction.reference, "settled")
    assert await after.balance("claims") == INCENTIVE
    assert await after.breaches() == []


@pytest.mark.parametrize("was_held", [True, False])
async def test_what_was_cancelled_is_not_paid_before_its_void_is_read_again(restored: Restored, was_held: bool) -> None:
    """Not even if the restored copy has it held, and its cure is read first. It went to another training."""
    person, lost = "4810000000000034", "PRAT000000AA"
    before, after = restored.before, restored.after
    await after.prepare()
    for one in (before, after):
        await one.receive(confirmed(person, lost), confirmed(person, OTHER))
        if one is before or was_held:
            await one.receive(completed(person, lost), rated(person, lost))
    held = len(before.pages)
    await before.receive(voided(person, lost))
    await before.receive(completed(person, OTHER), rated(person, OTHER))
    await before.receive(linked(person))
    await after.adopt(before.pages[held:])
    await after.receive(linked(person))
    await after.receive(completed(person, lost), rated(person, lost))
    assert await after.state("incentive_1", lost) == ("cancelled" if was_held else "")
    await after.receive(voided(person, lost))
    await after.receive(completed(person, OTHER), rated(person, OTHER))
    instructed = [one.reference for one in before.instructions_for("incentive")]
    assert [one.reference for one in after.instructions_for("incentive")] == instructed[-1:]
    assert await after.connection.fetchval("select count(*) from remembered") == 0
    assert await after.breaches() == []


async def test_claim_that_was_withdrawn_is_not_remembered(restored: Restored) -> None:
    """Its end stands in a later portion, and paid and returned at once there is nothing to claim any more."""
    before = restored.before
    fee = before.instructions_for("fee")[0].reference
    await before.report(fee, "settled")
    await before.receive(voided())
    await before.report(fee, "returned", "AC04")
    assert [name for name, _ in before.announced if name.startswith("claim")] == ["claim_opened", "claim_withdrawn"]
    after = await prepare(restored)
    await after.receive(linked(), confirmed())
    await after.receive(completed(), rated())
    await after.receive(after.answer(fee, "settled"), after.answer(fee, "returned", "AC04"))
    await after.receive(voided())
    assert await after.state("fee") == "cancelled"
    assert await after.connection.fetchval("select count(*) from remembered") == 0
    assert await after.breaches() == []
