"""Linked accounts, on a real database."""

import json
from datetime import date, timedelta

import pytest

from shared.contracts import enrollment
from shared.contracts.reasons import Parked
from shared.contracts.sealed import Secret
from shared.contracts.sealed_fields import open_linked_account
from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    a_nik,
    a_participant_id,
    a_wave,
    an_account,
    an_admission,
    keys_of,
    programme_keys,
)
from tests.integration.enrollment.bench import Bench

LATER_THAT_DAY = write_time(ADMITTED_AT + timedelta(hours=9))


async def test_an_account_of_the_same_person_is_announced_as_theirs(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, number="081200000001")
    await bench.receive(a_wave(), an_admission(person, nik=nik), account)
    (said,) = bench.of("account_linked")
    assert (said["same_identity"], said["verified"], said["partner"]) == (True, True, "gopay")
    announced = enrollment.ACCOUNT_LINKED.parse(json.dumps(said).encode())
    assert open_linked_account(keys_of("accounts"), announced) == Secret("081200000001")
    # Neither what upstream sealed nor the NIK in it goes any further.
    with pytest.raises(Parked):
        programme_keys().open(said["account"])
    assert "nik" not in keys_of("accounts").open(said["account"])


async def test_an_account_of_another_person_or_unverified_is_announced_as_that(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    unverified = an_account(person, nik=nik, kyc="unverified", linked_at=LATER_THAT_DAY)
    await bench.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=a_nik()), unverified)
    said = [(data["same_identity"], data["verified"]) for data in bench.of("account_linked")]
    assert said == [(False, True), (True, False)]


async def test_only_the_latest_account_counts_whatever_order_they_come_in(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    latest = an_account(person, nik=nik, partner="bni", linked_at=LATER_THAT_DAY)
    await bench.receive(a_wave(), an_admission(person, nik=nik), latest)
    await bench.receive(an_account(person, nik=nik), latest.again())
    assert [data["partner"] for data in bench.of("account_linked")] == ["bni"]
    assert await bench.parked() == []


async def test_the_same_account_sealed_anew_is_a_repeat_and_another_at_the_same_time_a_conflict(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, number="081200000001")
    await bench.receive(a_wave(), an_admission(person, nik=nik), account)
    await bench.receive(an_account(person, nik=nik, number="081200000001"))
    await bench.receive(an_account(person, nik=nik, number="081200000002"))
    assert len(bench.of("account_linked")) == 1
    assert [reason for reason, _ in await bench.parked()] == ["conflict"]


async def test_an_account_before_its_participant_waits(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    await bench.receive(a_wave(), an_account(person, nik=nik))
    assert (bench.words(), await bench.rows("waiting")) == ([], 1)
    await bench.receive(an_admission(person, nik=nik))
    assert bench.words() == ["participant_admitted", "account_linked"]


async def test_an_account_of_somebody_refused_is_kept_for_when_they_are_admitted(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    await bench.receive(a_wave(quota=1), a_wave("49"), an_admission())
    await bench.receive(an_admission(person, nik=nik), an_account(person, nik=nik))
    assert bench.of("account_linked") == []
    kept = await bench.connection.fetchval("select sealed from account")
    assert keys_of("enrollment").open(kept)["sub"] == person
    await bench.receive(an_admission(person, nik=nik, wave="49"))
    assert [data["same_identity"] for data in bench.of("account_linked")] == [True]
    assert await bench.connection.fetchval("select sealed from account") is None


async def test_an_account_of_somebody_never_admitted_changes_nothing(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(), an_admission(person, birth_date=date(2012, 1, 1)), an_account(person, nik=a_nik()))
    assert bench.words() == ["participant_refused"]
    assert (await bench.parked(), await bench.rows("waiting")) == ([], 0)


async def test_an_account_sealed_for_somebody_else_is_parked(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    stolen = an_account(a_participant_id(), nik=nik).data["account"]
    await bench.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik, account=stolen))
    assert await bench.parked() == [("bad_seal", "/account/sealed")]


@pytest.mark.parametrize(
    "other",
    [{"account": "dana"}, {"kyc": "verified"}, {"linked_at": LATER_THAT_DAY}],
    ids=lambda other: next(iter(other)),
)
async def test_copied_seal_is_given_no_other_partner_standing_or_time(bench: Bench, other: dict[str, str]) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, kyc="unverified")
    partner = {"account": {**account.data["account"], "partner": other["account"]}} if "account" in other else other
    await bench.receive(a_wave(), an_admission(person, nik=nik), account)
    await bench.receive(account.but(**partner))
    assert await bench.parked() == [("bad_seal", "/account/sealed")]
    assert [said["partner"] for said in bench.of("account_linked")] == ["gopay"]


@pytest.mark.parametrize("kid", ["registry", "accounts-1", "enrollment-1"])
async def test_account_under_a_key_that_may_not_seal_it_is_parked(bench: Bench, kid: str) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik)
    claims = programme_keys().open(account.data["account"]["sealed"])
    ring = programme_keys() if kid == "registry" else keys_of(kid.removesuffix("-1"))
    forged = {"partner": "gopay", "sealed": ring.seal(claims, kid)}
    await bench.receive(a_wave(), an_admission(person, nik=nik), account.but(account=forged))
    assert await bench.parked() == [("bad_seal", "/account/sealed")]


async def test_kept_account_that_was_changed_stops_the_lane_and_is_not_announced(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    await bench.receive(a_wave(quota=1), a_wave("49"), an_admission())
    await bench.receive(an_admission(person, nik=nik), an_account(person, nik=nik))
    await bench.connection.execute("update account set partner = 'dana'")
    with pytest.raises(ValueError, match="does not open"):
        await bench.receive(an_admission(person, nik=nik, wave="49"))
    assert bench.of("account_linked") == []


async def test_no_account_number_rests_in_the_clear(bench: Bench) -> None:
    person, nik, number = a_participant_id(), a_nik(), "081277700111"
    await bench.receive(a_wave(), an_account(person, nik=nik, number=number), an_admission(person, nik=nik))
    for table in ("account", "waiting", "parked", "page"):
        rows = await bench.connection.fetch(f"select t::text as line from {table} t")
        assert not any(number in row["line"] for row in rows), table
    assert number not in str(bench.said)
