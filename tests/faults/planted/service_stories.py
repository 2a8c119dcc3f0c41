"""Short stories about the real services on a real Postgres. A story returns the breaches that the proofs find."""

from collections import defaultdict
from datetime import timedelta

from shared.times import write_time
from tests.builders import NOON, a_nik, a_wave, an_admission, funds
from tests.faults.planted.ground import Ground
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import PARTICIPANT, RATED_AT, completed, confirmed, journey, linked, rated

FIRST, SECOND = "PRAT00000001", "PRAT00000002"


async def a_restore_forgets_what_partners_were_told(ground: Ground) -> list[str]:
    """What had been said is adopted, and all that led to it is read again."""
    async with ground.payment() as before, ground.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.adopt(before.pages)
        await after.prepare()
        await after.receive(*journey())
        return [*_asked_for_twice(before, after), *await after.breaches()]


async def a_restore_forgets_which_training_came_first(ground: Ground) -> list[str]:
    """It was the later one, of which all had been heard; now both are read again in one batch."""
    earlier = [completed(code=FIRST), rated(code=FIRST)]
    later = [completed(code=SECOND, at=RATED_AT), rated(code=SECOND, at=RATED_AT + timedelta(days=1))]
    async with ground.payment() as before, ground.payment() as after:
        for bench in (before, after):
            await bench.adopt(before.pages)
            await bench.prepare()
            await bench.receive(linked(), confirmed(code=FIRST, fee=1), confirmed(code=SECOND, fee=1))
            if bench is before:
                await bench.receive(*later)
            await bench.receive(*earlier, *later)
        twice = [breach for breach in _asked_for_twice(before, after) if breach.startswith("incentive")]
        return [*twice, *await after.breaches()]


def _asked_for_twice(before: Bench, after: Bench) -> list[str]:
    references = defaultdict(set)
    for told in (*before.instructions, *after.instructions):
        references[told.benefit].add(told.reference)
    return [f"{benefit} is asked for twice" for benefit, found in references.items() if len(found) > 1]


async def money_comes_with_a_fraction(ground: Ground) -> list[str]:
    async with ground.payment() as bench:
        await bench.receive(funds("48", "incentive", amount={"value": 599999.99, "currency": "IDR"}))
        booked = await bench.connection.fetch("select amount from appropriation")
        parked = [] if await bench.parked() == ["invalid_field"] else ["599999.99 rupiah are not parked"]
        return [
            *(f"{row['amount']} rupiah of 599999.99 are booked" for row in booked),
            *parked,
            *await bench.breaches(),
        ]


async def the_training_heard_of_first_is_never_rated(ground: Ground) -> list[str]:
    """The other one, completed and rated, has earned the incentive."""
    async with ground.payment() as bench:
        await bench.prepare()
        await bench.receive(linked(), confirmed(code=FIRST), confirmed(code=SECOND))
        await bench.receive(completed(code=SECOND))
        await bench.receive(completed(code=FIRST), rated(code=FIRST))
        return await bench.breaches()


async def two_trainings_are_completed_and_rated(ground: Ground) -> list[str]:
    """One after the other, and the second one's partner settles before the first one's."""
    async with ground.payment() as bench:
        await bench.prepare()
        await bench.receive(*journey(PARTICIPANT, FIRST))
        await bench.receive(*journey(PARTICIPANT, SECOND))
        for told in bench.told("incentive")[::-1]:
            await bench.report(told.reference, "settled")
        return await bench.breaches()


async def a_nik_is_refused_and_comes_twice(ground: Ground) -> list[str]:
    """A refusal uses nothing up: the first who is not too early is admitted, and nobody after."""
    async with ground.enrollment() as bench:
        nik = a_nik()
        await bench.receive(a_wave())
        await bench.receive(an_admission(nik=nik, admitted_at=write_time(NOON.replace(hour=11))))
        await bench.receive(an_admission(nik=nik))
        admitted = len(bench.of("participant_admitted"))
        await bench.receive(an_admission(nik=nik))
        return [*([] if admitted else ["nobody is admitted"]), *await bench.breaches()]
