"""Linked accounts, on a real database."""

import json
from datetime import date, timedelta

import pytest

from shared.contracts import enrollment
from shared.contracts.park_reasons import Parked
from shared.contracts.sealed_fields import open_linked_account
from shared.contracts.secret import Secret
from shared.errors import InvariantBroken
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
from tests.integration.enrollment.harness import EnrollmentHarness

LATER_THAT_DAY = write_time(ADMITTED_AT + timedelta(hours=9))


async def test_account_of_the_same_person_is_announced_as_theirs(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, number="081200000001")
    await harness.receive(a_wave(), an_admission(person, nik=nik), account)
    (data,) = harness.data_of("account_linked")
    assert (data["same_identity"], data["verified"], data["partner"]) == (True, True, "gopay")
    announced = enrollment.ACCOUNT_LINKED.parse(json.dumps(data).encode())
    assert open_linked_account(keys_of("accounts"), announced) == Secret("081200000001")
    # Neither the seal of upstream nor the NIK in it is passed on.
    with pytest.raises(Parked):
        programme_keys().open(data["account"])
    assert "nik" not in keys_of("accounts").open(data["account"])


async def test_account_of_another_person_or_unverified_is_announced_so(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    unverified = an_account(person, nik=nik, kyc="unverified", linked_at=LATER_THAT_DAY)
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=a_nik()), unverified)
    event_data = [(data["same_identity"], data["verified"]) for data in harness.data_of("account_linked")]
    assert event_data == [(False, True), (True, False)]


async def test_latest_account_counts_in_any_order_of_arrival(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    latest = an_account(person, nik=nik, partner="bni", linked_at=LATER_THAT_DAY)
    await harness.receive(a_wave(), an_admission(person, nik=nik), latest)
    await harness.receive(an_account(person, nik=nik), latest.with_new_id())
    assert [data["partner"] for data in harness.data_of("account_linked")] == ["bni"]
    assert await harness.parked() == []


async def test_other_account_at_one_time_conflicts_and_a_resealed_one_repeats(
    harness: EnrollmentHarness,
) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, number="081200000001")
    await harness.receive(a_wave(), an_admission(person, nik=nik), account)
    await harness.receive(an_account(person, nik=nik, number="081200000001"))
    await harness.receive(an_account(person, nik=nik, number="081200000002"))
    assert len(harness.data_of("account_linked")) == 1
    assert [reason for reason, _ in await harness.parked()] == ["conflict"]


async def test_account_before_its_participant_is_deferred(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(), an_account(person, nik=nik))
    assert (harness.event_names(), await harness.rows("waiting")) == ([], 1)
    await harness.receive(an_admission(person, nik=nik))
    assert harness.event_names() == ["participant_admitted", "account_linked"]


async def test_account_of_a_refused_participant_is_kept_until_admission(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(quota=1), a_wave("49"), an_admission())
    await harness.receive(an_admission(person, nik=nik), an_account(person, nik=nik))
    assert harness.data_of("account_linked") == []
    kept = await harness.connection.fetchval("select sealed from account")
    assert keys_of("enrollment").open(kept)["sub"] == person
    await harness.receive(an_admission(person, nik=nik, wave="49"))
    assert [data["same_identity"] for data in harness.data_of("account_linked")] == [True]
    assert await harness.connection.fetchval("select sealed from account") is None


async def test_account_of_a_participant_never_admitted_is_not_announced(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), an_admission(person, birth_date=date(2012, 1, 1)), an_account(person, nik=a_nik()))
    assert harness.event_names() == ["participant_refused"]
    assert (await harness.parked(), await harness.rows("waiting")) == ([], 0)


async def test_account_sealed_for_another_participant_is_parked(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    stolen = an_account(a_participant_id(), nik=nik).data["account"]
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik, account=stolen))
    assert await harness.parked() == [("bad_seal", "/account/sealed")]


@pytest.mark.parametrize(
    "other",
    [{"account": "dana"}, {"kyc": "verified"}, {"linked_at": LATER_THAT_DAY}],
    ids=lambda other: next(iter(other)),
)
async def test_copied_seal_under_other_partner_kyc_or_time_is_parked(
    harness: EnrollmentHarness, other: dict[str, str]
) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik, kyc="unverified")
    partner = {"account": {**account.data["account"], "partner": other["account"]}} if "account" in other else other
    await harness.receive(a_wave(), an_admission(person, nik=nik), account)
    await harness.receive(account.with_data(**partner))
    assert await harness.parked() == [("bad_seal", "/account/sealed")]
    assert [data["partner"] for data in harness.data_of("account_linked")] == ["gopay"]


@pytest.mark.parametrize("kid", ["registry", "accounts-1", "enrollment-1"])
async def test_account_under_a_key_that_may_not_seal_it_is_parked(harness: EnrollmentHarness, kid: str) -> None:
    person, nik = a_participant_id(), a_nik()
    account = an_account(person, nik=nik)
    claims = programme_keys().open(account.data["account"]["sealed"])
    ring = programme_keys() if kid == "registry" else keys_of(kid.removesuffix("-1"))
    forged = {"partner": "gopay", "sealed": ring.seal(claims, kid)}
    await harness.receive(a_wave(), an_admission(person, nik=nik), account.with_data(account=forged))
    assert await harness.parked() == [("bad_seal", "/account/sealed")]


async def test_changed_kept_account_stops_the_lane(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(quota=1), a_wave("49"), an_admission())
    await harness.receive(an_admission(person, nik=nik), an_account(person, nik=nik))
    await harness.connection.execute("update account set partner = 'dana'")
    with pytest.raises(InvariantBroken, match="does not open"):
        await harness.receive(an_admission(person, nik=nik, wave="49"))
    assert harness.data_of("account_linked") == []


async def test_no_account_number_is_stored_in_the_clear(harness: EnrollmentHarness) -> None:
    person, nik, number = a_participant_id(), a_nik(), "081277700111"
    await harness.receive(a_wave(), an_account(person, nik=nik, number=number), an_admission(person, nik=nik))
    for table in ("account", "waiting", "parked", "page"):
        rows = await harness.connection.fetch(f"select t::text as line from {table} t")
        assert not any(number in row["line"] for row in rows), table
    assert number not in str(harness.announced)
