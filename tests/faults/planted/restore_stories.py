"""Stories about a restore: what had been said is in our topics, and all that led to it is read again.

Each returns the breaches that the proofs find, and whatever goes against what had been said.
"""

from datetime import timedelta

from services.payment.app import parts
from services.payment.settings import PaymentSettings
from shared.contracts.sealed import KeyRing
from shared.messaging.engine import Engine
from shared.runtime.identity import Identity, WrongIdentity, identity_of
from shared.times import write_time
from tests.builders import ADMITTED_AT, Event, a_nik, a_participant_id, a_wave, an_account, an_admission, keys_folder
from tests.faults.planted.ground import Ground
from tests.integration.messaging.running import a_goal, a_player
from tests.integration.payment.bench import a_bench
from tests.integration.payment.facts import INCENTIVE, PARTICIPANT, in_another_lane, journey

OTHER_PROGRAMME = "kartu"


async def a_process_that_holds_no_lane_begins(ground: Ground) -> list[str]:
    """Others may hold them, or nobody yet."""
    async with ground.toy() as toy:
        league = toy.league.service
        async with toy.running(league):
            await toy.send(a_player("ana"))
            await toy.until_count(league, "player", 1)
            await toy.take_copy(league)
            await toy.send(a_goal("ana", "g1"))
            await toy.until_said(toy.league.totals, 1)
        await toy.restore_copy(league)
        engine = Engine(toy.plan(league, replica="2"))
        try:
            await engine._holding.adopt(await engine._holding._open_session())
        finally:
            await engine.stop()
        return [] if await toy.fetch(league, "select from adopted where goal = 'g1'") else ["g1 is not known again"]


async def another_ones_right_is_read_first(ground: Ground) -> list[str]:
    """There is money for one of the two, and somebody else was told to be paid with it."""
    async with ground.payment() as before, ground.payment() as after:
        await before.prepare()
        await before.receive(*journey())
        await after.prepare(incentive=INCENTIVE)
        await after.adopt(before.pages)
        await after.receive(*journey(in_another_lane(PARTICIPANT), "PRAT000000ZZ"))
        await after.receive(*journey())
        return await after.breaches()


async def it_comes_back_under_another_name(ground: Ground) -> list[str]:
    """Whoever restored it has written another programme into the settings."""
    async with ground.payment() as before, ground.database() as database:
        await before.prepare()
        await before.receive(*journey())
        restored = await a_bench(database)
        await _identity().note(restored.connection)
        await restored.adopt(before.pages)
        await restored.connection.close()

        other = await a_bench(database, programme=OTHER_PROGRAMME)
        try:
            await _identity(OTHER_PROGRAMME).confirm(other.connection)
        except WrongIdentity:
            return []
        await other.prepare()
        await other.receive(*journey())
        told = {instruction.reference for instruction in (*before.told("incentive"), *other.told("incentive"))}
        return ["the incentive is asked for twice"] if len(told) > 1 else []


async def the_last_place_was_given_away(ground: Ground) -> list[str]:
    """Whoever was too late is read first."""
    wave, first, late = a_wave(quota=1), an_admission(), an_admission()
    return await _again(ground, [wave, first, late], [wave, late, first])


async def an_account_was_linked(ground: Ground) -> list[str]:
    who, nik = a_participant_id(), a_nik()
    account = an_account(who, nik=nik, linked_at=write_time(ADMITTED_AT + timedelta(hours=1)))
    records = [a_wave(), an_admission(who, nik=nik), account]
    return await _again(ground, records, records)


async def _again(ground: Ground, first: list[Event], again: list[Event]) -> list[str]:
    """All had been announced, so nothing is."""
    async with ground.enrollment() as before, ground.enrollment() as after:
        await before.receive(*first, at_once=False)
        await after.adopt(*before.said)
        await after.receive(*again, at_once=False)
        return [*(f"{word} is said once more" for word in after.words()), *await after.breaches()]


def _identity(programme: str = "prakerja") -> Identity:
    service = parts(PaymentSettings(keys_folder=keys_folder(), programme=programme))
    return identity_of("payment", KeyRing.load(keys_folder() / "payment.jwks.json"), service.fixed, service.rings)
