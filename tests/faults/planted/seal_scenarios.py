"""Scenarios about seals that are copied, forged or moved; each returns breaches."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.times import write_time
from tests.builders import LATER, a_nik, a_participant_id, a_wave, an_account, an_admission, seal
from tests.faults.planted.planted_harness import PlantedHarness
from tests.integration.payment.facts import PARTICIPANT, a_number, journey, linked

OTHER = "4810000000000025"


async def a_seal_is_copied_and_another_forged(harness: PlantedHarness) -> list[str]:
    """Copy an unverified account to another partner as verified, and seal another one by a wrong key."""
    async with harness.enrollment() as enrollment:
        person, nik = a_participant_id(), a_nik()
        account = an_account(person, nik=nik, kyc="unverified").data
        copied = {
            "account": {**account["account"], "partner": "dana"},
            "kyc": "verified",
            "linked_at": write_time(LATER),
        }
        forged = {"sub": person, "nik": nik, "number": "666", "partner": "dana", "kyc": "verified"}
        at = write_time(LATER + timedelta(seconds=1))
        sealed = seal({**forged, "linked_at": at}, "registry")
        await enrollment.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik, **_but(account)))
        for changes in (copied, {"account": {"partner": "dana", "sealed": sealed}, "kyc": "verified", "linked_at": at}):
            await enrollment.receive(an_account(person, nik=nik, **_but(account) | changes))
        found = [
            f"an account at {announced['partner']} is announced that nobody linked"
            for announced in enrollment.data_of("account_linked")
        ]
        return [*found[1:], *await enrollment.breaches()]


def _but(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "participant_id"}


async def an_account_is_moved_in_its_row(harness: PlantedHarness) -> list[str]:
    """Copy one person's linked account into the row of another."""
    async with harness.payment() as payment:
        await payment.prepare()
        await payment.receive(linked(), linked(OTHER))
        moved = "update account a set account = b.account from account b where b.participant_id = $1"
        await payment.connection.execute(moved, OTHER)
        await payment.receive(*journey()[1:])
        wrong = [
            instruction
            for instruction in payment.instructions_for("incentive")
            if instruction.number != a_number(PARTICIPANT)
        ]
        return [
            *(f"{instruction.number} gets somebody else's incentive" for instruction in wrong),
            *await payment.breaches(),
        ]
