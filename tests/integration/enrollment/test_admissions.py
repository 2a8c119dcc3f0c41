"""Waves and admissions, on a real database."""

from datetime import date

import pytest

from shared.times import write_time
from tests.builders import NOON, a_nik, a_participant_id, a_wave, an_admission
from tests.integration.enrollment.harness import NORMAL, WAITING_PER_KEY, EnrollmentHarness


async def test_admission_is_announced_with_scheme_and_balance(harness: EnrollmentHarness) -> None:
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    (data,) = harness.data_of("participant_admitted")
    assert data["participant_id"] == admission.data["participant_id"]
    assert (data["wave"], data["scheme"], data["scheme_version"]) == ("48", NORMAL.scheme, NORMAL.version)
    assert data["balance"] == {"value": NORMAL.training_balance, "currency": "IDR"}
    assert await harness.breaches() == []


async def test_limit_of_deferred_records_at_a_wave_is_per_participant(harness: EnrollmentHarness) -> None:
    cohort = [an_admission() for _ in range(WAITING_PER_KEY + 1)]
    person, nik = a_participant_id(), a_nik()
    await harness.receive(*cohort)
    # Sealed anew each time: identical records are deferred once.
    await harness.receive(*(an_admission(person, nik=nik) for _ in range(WAITING_PER_KEY + 1)))
    assert await harness.parked() == [("wait_full", "wave")]
    await harness.receive(a_wave())
    await harness.sweep()
    assert len(harness.data_of("participant_admitted")) == len(cohort) + 1


async def test_the_same_admission_sent_three_times_admits_once(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    sealed_anew = [an_admission(person, nik=nik) for _ in range(2)]
    await harness.receive(a_wave(), sealed_anew[0], sealed_anew[0].with_new_id())
    await harness.receive(sealed_anew[1])
    assert harness.event_names() == ["participant_admitted"]
    assert await harness.parked() == []


async def test_other_content_for_the_same_application_conflicts(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_admission(person, nik=nik, regency="3201"))
    await harness.receive(an_admission(person))
    assert harness.event_names() == ["participant_admitted"]
    assert [reason for reason, _ in await harness.parked()] == ["conflict", "conflict"]


async def test_repeated_wave_opens_once_and_other_content_conflicts(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(), a_wave(), a_wave(quota=11_000))
    await harness.receive(a_wave(quota=12_000))
    assert await harness.connection.fetchval("select quota from wave") == 10_000
    assert await harness.parked() == [("conflict", "/wave")] * 2


async def test_a_wave_of_an_unknown_scheme_is_parked(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(scheme="normal-2099"))
    assert await harness.parked() == [("invalid_field", "/scheme")]


async def test_application_before_its_wave_is_released_when_it_opens(harness: EnrollmentHarness) -> None:
    await harness.receive(an_admission())
    assert (harness.event_names(), await harness.rows("waiting")) == ([], 1)
    await harness.receive(a_wave())
    await harness.sweep()
    assert (harness.event_names(), await harness.rows("waiting")) == (["participant_admitted"], 0)


async def test_late_applicant_queues_behind_records_deferred_on_the_wave(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    first, second = an_admission(person, nik=nik), an_admission(person, nik=nik, regency="3201")
    await harness.receive(first)
    await harness.receive(a_wave(), second)
    assert harness.event_names() == []
    await harness.sweep()
    assert (harness.event_names(), await harness.parked()) == (["participant_admitted"], [("conflict", "")])
    assert await harness.connection.fetchval("select regency from admission") == first.data["regency"]


async def test_applications_to_a_wave_that_never_opens_are_parked(harness: EnrollmentHarness) -> None:
    await harness.receive(an_admission())
    harness.now += harness.session._terms.wait_at_most
    await harness.sweep()
    assert await harness.parked() == [("wait_expired", "")]


async def test_nik_is_admitted_once(harness: EnrollmentHarness) -> None:
    nik = a_nik()
    await harness.receive(a_wave(), a_wave("49"), an_admission(nik=nik), an_admission(nik=nik))
    await harness.receive(an_admission(nik=nik, wave="49"))
    assert len(harness.data_of("participant_admitted")) == 1
    assert harness.reasons() == ["nik_already_admitted"] * 2
    assert await harness.breaches() == []


async def test_participant_is_admitted_once_even_with_another_nik(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_wave("49"), an_admission(person), an_admission(person, wave="49"))
    assert harness.reasons() == ["nik_already_admitted"]


async def test_quota_goes_to_the_first_applicants_and_is_never_exceeded(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(quota=2), *(an_admission() for _ in range(3)))
    await harness.receive(an_admission())
    assert harness.event_names().count("participant_admitted") == 2
    assert harness.reasons() == ["wave_full"] * 2
    assert await harness.breaches() == []


async def test_a_refusal_uses_up_no_place_in_the_wave(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(quota=1), an_admission(birth_date=date(2010, 1, 1)), an_admission())
    assert sorted(harness.event_names()) == ["participant_admitted", "participant_refused"]
    assert harness.reasons() == ["age_out_of_range"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_refusal_uses_up_neither_participant_nor_nik(harness: EnrollmentHarness, at_once: bool) -> None:
    person, nik = a_participant_id(), a_nik()
    await harness.receive(a_wave(quota=1), a_wave("49"), an_admission())
    refused, admitted = an_admission(person, nik=nik), an_admission(person, nik=nik, wave="49")
    await harness.receive(refused, admitted, refused.with_new_id(), at_once=at_once)
    assert harness.reasons() == ["wave_full"]
    assert [data["wave"] for data in harness.data_of("participant_admitted")] == ["48", "49"]
    assert await harness.breaches() == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_nik_released_by_a_refusal_goes_to_the_next_applicant(harness: EnrollmentHarness, at_once: bool) -> None:
    nik = a_nik()
    too_early = an_admission(nik=nik, admitted_at=write_time(NOON.replace(hour=11)))
    timely, again = an_admission(nik=nik), an_admission(nik=nik)
    await harness.receive(a_wave())
    await harness.receive(too_early, timely, again, at_once=at_once)
    assert sorted(harness.reasons()) == ["nik_already_admitted", "wave_closed"]
    (data,) = harness.data_of("participant_admitted")
    assert data["participant_id"] == timely.data["participant_id"]
    owner = await harness.connection.fetchval("select owner from claim where kind = 'nik'")
    assert owner == timely.data["participant_id"]


async def test_malformed_nik_is_refused_and_not_claimed(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(), an_admission(nik="9999990101900001"))
    assert harness.reasons() == ["nik_invalid"]
    assert await harness.rows("claim") == 0


async def test_identity_sealed_for_another_participant_is_parked(harness: EnrollmentHarness) -> None:
    other = an_admission().data["identity"]
    await harness.receive(a_wave(), an_admission(identity=other), an_admission(identity="no.seal.at.all.really"))
    assert await harness.parked() == [("bad_seal", "/identity")] * 2
    assert harness.event_names() == []


async def test_no_nik_is_stored_in_the_clear(harness: EnrollmentHarness) -> None:
    nik = a_nik()
    await harness.receive(a_wave(), an_admission(nik=nik), an_admission(nik="1234"))
    for table in ("admission", "account", "enrollment", "claim", "waiting", "parked"):
        rows = await harness.connection.fetch(f"select t::text as line from {table} t")
        assert not any(nik in row["line"] for row in rows), table
    assert not any(nik in str(data) for data in harness.announced)


async def test_a_decision_once_made_cannot_be_changed(harness: EnrollmentHarness) -> None:
    await harness.receive(a_wave(), an_admission())
    with pytest.raises(Exception, match="final"):
        await harness.connection.execute("update admission set balance = 1")


async def test_admission_announced_before_a_restore_keeps_its_nik(harness: EnrollmentHarness) -> None:
    nik, first = a_nik(), a_participant_id()
    await harness.receive(a_wave(), an_admission(first, nik=nik))
    data = harness.announced[0]
    await harness.reset()
    await harness.adopt(data)
    await harness.receive(a_wave(), an_admission(nik=nik), an_admission(first, nik=nik))
    assert harness.reasons() == ["nik_already_admitted"]
    admitted = await harness.connection.fetch("select participant_id from admission where state = 'admitted'")
    assert [row["participant_id"] for row in admitted] == [first]
