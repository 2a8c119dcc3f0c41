"""Scenarios of a restore: our topics hold the former events, and all their causes are read again.

Each returns breaches, and decisions that contradict the former events.
"""

from datetime import timedelta

from services.payment.app import definition
from services.payment.settings import PaymentSettings
from shared.contracts.seals import KeyRing
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.recovery import adopt_tails
from shared.runtime.data_identity import DataIdentity, IdentityMismatch, data_identity_of
from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    LATER,
    Event,
    a_nik,
    a_participant_id,
    a_wave,
    an_account,
    an_admission,
    keys_folder,
)
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.messaging.toy_world import a_goal, a_player
from tests.integration.payment.facts import (
    INCENTIVE,
    PARTICIPANT,
    blocked,
    completed,
    confirmed,
    in_another_lane,
    journey,
    linked,
    rated,
)
from tests.integration.payment.harness import Restored, create_harness

OTHER_PROGRAMME = "kartu"


async def a_process_without_lanes_starts(harness: PlantedHarness) -> list[str]:
    """Start a process while other processes own all lanes, or none does yet."""
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
        return [] if await toy.fetch(league, "select from adopted where goal = 'g1'") else ["g1 is not adopted"]


async def another_entitlement_is_read_first(harness: PlantedHarness) -> list[str]:
    """Provide money for one of two payments, of which the one read later was instructed before the restore."""
    async with harness.payment() as before, harness.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.prepare(incentive=INCENTIVE)
        await after.adopt(before.pages)
        await after.receive(*journey(in_another_lane(PARTICIPANT), "PRAT000000ZZ"))
        await after.receive(*journey())
        return await after.breaches()


async def a_restored_service_has_another_name(harness: PlantedHarness) -> list[str]:
    """Name another programme in the restored service's settings."""
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
        references = {
            instruction.reference
            for instruction in (*before.instructions_for("incentive"), *other.instructions_for("incentive"))
        }
        return ["the incentive is instructed twice"] if len(references) > 1 else []


async def the_last_place_was_given_before(harness: PlantedHarness) -> list[str]:
    """Read the person who came too late first."""
    wave, first, late = a_wave(quota=1), an_admission(), an_admission()
    return await _again(harness, [wave, first, late], [wave, late, first])


async def a_block_was_read_before(harness: PlantedHarness) -> list[str]:
    """Read what makes the incentive due again, and not yet the block behind it."""
    async with harness.payment() as before, harness.payment() as after:
        await before.prepare()
        await before.receive(linked(), confirmed(), blocked())
        await before.receive(completed(), rated())
        await after.prepare()
        again = Restored(before, after)
        await again.adopt()
        await again.catching_up(LATER)
        await after.receive(linked(), confirmed(), completed(), rated())
        await after.sweep()
        paid = after.instructions_for("incentive")
        return ["the incentive is instructed in spite of the block" for _ in paid] + await after.breaches()


async def an_account_was_linked(harness: PlantedHarness) -> list[str]:
    who, nik = a_participant_id(), a_nik()
    account = an_account(who, nik=nik, linked_at=write_time(ADMITTED_AT + timedelta(hours=1)))
    records = [a_wave(), an_admission(who, nik=nik), account]
    return await _again(harness, records, records)


async def _again(harness: PlantedHarness, first: list[Event], again: list[Event]) -> list[str]:
    """Report each event that is published again, since all were announced before."""
    async with harness.enrollment() as before, harness.enrollment() as after:
        await before.receive(*first, at_once=False)
        await after.adopt(*before.announced)
        await after.receive(*again, at_once=False)
        return [*(f"{name} is published again" for name in after.event_names()), *await after.breaches()]


def _identity(programme: str = "prakerja") -> DataIdentity:
    service = definition(PaymentSettings(keys_folder=keys_folder(), programme=programme))
    return data_identity_of(
        "payment", KeyRing.load(keys_folder() / "payment.jwks.json"), service.pinned, service.rotating_keys
    )
