"""Scenarios about changes of mind: voids, blocks and erasures; each returns breaches."""

from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import (
    COMPLETED_AT,
    blocked,
    completed,
    confirmed,
    erased,
    journey,
    linked,
    rated,
    voided,
)


async def a_training_is_voided_before_its_payment_settles(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey())
        await payment.receive(voided())
        for instruction in list(payment.instructions):
            await payment.report(instruction.reference, "settled")
        return await payment.breaches()


async def a_training_of_a_blocked_participant_is_completed(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(linked(), confirmed(), blocked())
        await payment.receive(completed(), rated())
        return await payment.breaches()


async def a_training_of_an_erased_participant_is_completed(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(linked(), confirmed(), erased())
        await payment.receive(completed(), rated())
        return await payment.breaches()


async def cash_settles_after_a_block(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey())
        await payment.receive(blocked(at=COMPLETED_AT))
        for instruction in list(payment.instructions):
            await payment.report(instruction.reference, "settled")
        return await payment.breaches()


async def a_void_is_read_before_its_completion_after_a_restore(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as before, harness.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.adopt(before.pages)
        await after.prepare()
        await after.receive(linked(), confirmed(), voided())
        await after.receive(completed(), rated())
        return await after.breaches()
