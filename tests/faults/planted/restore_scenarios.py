"""Stories about a restore: what had been said is in our topics, and all that led to it is read again.

Each returns the breaches that the proofs find, and whatever goes against what had been said.
"""

from datetime import timedelta

from services.payment.app import definition
from services.payment.settings import PaymentSettings
from shared.contracts.seals import KeyRing
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.recovery import adopt_tails
from shared.runtime.data_identity import DataIdentity, IdentityMismatch, data_identity_of
from shared.times import write_time
from tests.builders import ADMITTED_AT, Event, a_nik, a_participant_id, a_wave, an_account, an_admission, keys_folder
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.messaging.toy_world import a_goal, a_player
from tests.integration.payment.facts import INCENTIVE, PARTICIPANT, in_another_lane, journey
from tests.integration.payment.harness import create_harness

OTHER_PROGRAMME = "kartu"


async def a_process_that_holds_no_lane_begins(harness: PlantedHarness) -> list[str]:
    """Others may hold them, or nobody yet."""
    async with harness.toy() as toy:
        league = toy.league.service
        async with toy.running(league):
            await toy.send(a_player("ana"))
            await toy.until_count(league, "player", 1)
            await toy.take_copy(league)
            await toy.send(a_goal("ana", "g1"))
            await toy.until_published(toy.league.totals, 1)
        await toy.restore_copy(league)
        engine = Engine(toy.plan(league, replica="2"))
        try:
            await adopt_tails(await engine._membership._open_session(), engine._inspector, engine._plan)
        finally:
            await engine.stop()
        return [] if await toy.fetch(league, "select from adopted where goal = 'g1'") else ["g1 is not known again"]


async def another_ones_right_is_read_first(harness: PlantedHarness) -> list[str]:
    """There is money for one of the two, and somebody else was told to be paid with it."""
    async with harness.payment() as before, harness.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.prepare(incentive=INCENTIVE)
        await after.adopt(before.pages)
        await after.receive(*journey(in_another_lane(PARTICIPANT), "PRAT000000ZZ"))
        await after.receive(*journey())
        return await after.breaches()


async def it_comes_back_under_another_name(harness: PlantedHarness) -> list[str]:
    """Whoever restored it has written another programme into the settings."""
    async with harness.payment() as before, harness.database() as database:
        await before.prepare()
        await before.receive(*journey())
        restored = await create_harness(database)
        await _identity().save_fingerprints(restored.connection)
        await restored.adopt(before.pages)
        await restored.connection.close()

        other = await create_harness(database, programme=OTHER_PROGRAMME)
        try:
            await _identity(OTHER_PROGRAMME).confirm(other.connection)
        except IdentityMismatch:
            return []
        await other.prepare()
        await other.receive(*journey())
        told = {
            instruction.reference
            for instruction in (*before.instructions_for("incentive"), *other.instructions_for("incentive"))
        }
        return ["the incentive is asked for twice"] if len(told) > 1 else []


async def the_last_place_was_given_away(harness: PlantedHarness) -> list[str]:
    """Whoever was too late is read first."""
    wave, first, late = a_wave(quota=1), an_admission(), an_admission()
    return await _again(harness, [wave, first, late], [wave, late, first])


async def an_account_was_linked(harness: PlantedHarness) -> list[str]:
    who, nik = a_participant_id(), a_nik()
    account = an_account(who, nik=nik, linked_at=write_time(ADMITTED_AT + timedelta(hours=1)))
    records = [a_wave(), an_admission(who, nik=nik), account]
    return await _again(harness, records, records)


async def _again(harness: PlantedHarness, first: list[Event], again: list[Event]) -> list[str]:
    """All had been announced, so nothing is."""
    async with harness.enrollment() as before, harness.enrollment() as after:
        await before.receive(*first, at_once=False)
        await after.adopt(*before.announced)
        await after.receive(*again, at_once=False)
        return [*(f"{word} is said once more" for word in after.event_names()), *await after.breaches()]


def _identity(programme: str = "prakerja") -> DataIdentity:
    service = definition(PaymentSettings(keys_folder=keys_folder(), programme=programme))
    return data_identity_of(
        "payment", KeyRing.load(keys_folder() / "payment.jwks.json"), service.pinned, service.rotating_keys
    )
