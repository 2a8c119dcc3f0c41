"""Scenarios about the real services on a real PostgreSQL; each returns breaches."""

from collections import defaultdict
from datetime import timedelta

from shared.times import write_time
from tests.builders import NOON, a_nik, a_wave, an_admission, funds
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import PARTICIPANT, RATED_AT, completed, confirmed, journey, linked, rated
from tests.integration.payment.harness import PaymentHarness

FIRST, SECOND = "PRAT00000001", "PRAT00000002"


async def a_restore_forgets_instructions(harness: PlantedHarness) -> list[str]:
    """Adopt the former events, and read all their causes again."""
    async with harness.payment() as before, harness.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.adopt(before.pages)
        await after.prepare()
        await after.receive(*journey())
        return [*_instructed_twice(before, after), *await after.breaches()]


async def a_restore_forgets_which_training_came_first(harness: PlantedHarness) -> list[str]:
    """Complete the later training first; after the restore read both in one batch."""
    earlier = [completed(code=FIRST), rated(code=FIRST)]
    later = [completed(code=SECOND, at=RATED_AT), rated(code=SECOND, at=RATED_AT + timedelta(days=1))]
    async with harness.payment() as before, harness.payment() as after:
        for payment in (before, after):
            await payment.adopt(before.pages)
            await payment.prepare()
            await payment.receive(linked(), confirmed(code=FIRST, fee=1), confirmed(code=SECOND, fee=1))
            if payment is before:
                await payment.receive(*later)
            await payment.receive(*earlier, *later)
        twice = [breach for breach in _instructed_twice(before, after) if breach.startswith("incentive")]
        return [*twice, *await after.breaches()]


def _instructed_twice(before: PaymentHarness, after: PaymentHarness) -> list[str]:
    references = defaultdict(set)
    for instruction in (*before.instructions, *after.instructions):
        references[instruction.benefit].add(instruction.reference)
    return [f"{benefit} is instructed twice" for benefit, found in references.items() if len(found) > 1]


async def money_comes_with_a_fraction(harness: PlantedHarness) -> list[str]:
    async with harness.payment() as payment:
        await payment.receive(funds("48", "incentive", amount={"value": 599999.99, "currency": "IDR"}))
        booked = await payment.connection.fetch("select amount from appropriation")
        parked = [] if await payment.parked() == ["invalid_field"] else ["599999.99 rupiah are not parked"]
        return [
            *(f"{row['amount']} rupiah of 599999.99 are booked" for row in booked),
            *parked,
            *await payment.breaches(),
        ]


async def the_training_received_first_is_never_rated(harness: PlantedHarness) -> list[str]:
    """Complete both and rate the other one, which earns the incentive."""
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(linked(), confirmed(code=FIRST), confirmed(code=SECOND))
        await payment.receive(completed(code=SECOND))
        await payment.receive(completed(code=FIRST), rated(code=FIRST))
        return await payment.breaches()


async def two_trainings_are_completed_and_rated(harness: PlantedHarness) -> list[str]:
    """Complete one after the other, and settle the second incentive first."""
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(*journey(PARTICIPANT, FIRST))
        await payment.receive(*journey(PARTICIPANT, SECOND))
        for instruction in payment.instructions_for("incentive")[::-1]:
            await payment.report(instruction.reference, "settled")
        return await payment.breaches()


async def a_nik_is_refused_and_comes_twice(harness: PlantedHarness) -> list[str]:
    """Refuse the NIK once for coming too early: the first timely person is admitted, later ones are not."""
    async with harness.enrollment() as enrollment:
        nik = a_nik()
        await enrollment.receive(a_wave())
        await enrollment.receive(an_admission(nik=nik, admitted_at=write_time(NOON.replace(hour=11))))
        await enrollment.receive(an_admission(nik=nik))
        admitted = len(enrollment.data_of("participant_admitted"))
        await enrollment.receive(an_admission(nik=nik))
        return [*([] if admitted else ["nobody is admitted"]), *await enrollment.breaches()]
