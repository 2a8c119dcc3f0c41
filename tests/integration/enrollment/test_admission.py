"""Waves and admissions, on a real database."""

from datetime import date

import pytest

from shared.times import write_time
from tests.builders import NOON, a_nik, a_participant_id, a_wave, an_admission
from tests.integration.enrollment.bench import WAITING_PER_KEY, Bench


async def test_somebody_admitted_is_announced_with_scheme_and_balance(bench: Bench) -> None:
    admission = an_admission()
    await bench.receive(a_wave(), admission)
    (said,) = bench.of("participant_admitted")
    assert said["participant_id"] == admission.data["participant_id"]
    assert (said["wave"], said["scheme"], said["scheme_version"]) == ("48", "normal-2023", 1)
    assert said["balance"] == {"value": 3_500_000, "currency": "IDR"}
    assert await bench.breaches() == []


async def test_as_many_as_like_may_wait_for_a_wave_but_one_person_only_so_often(bench: Bench) -> None:
    cohort = [an_admission() for _ in range(WAITING_PER_KEY + 1)]
    person, nik = a_participant_id(), a_nik()
    await bench.receive(*cohort)
    # Sealed anew each time, or they would be identical and take one place.
    await bench.receive(*(an_admission(person, nik=nik) for _ in range(WAITING_PER_KEY + 1)))
    assert await bench.parked() == [("wait_full", "wave")]
    await bench.receive(a_wave())
    await bench.sweep()
    assert len(bench.of("participant_admitted")) == len(cohort) + 1


async def test_the_same_admission_sent_three_times_admits_once(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    sealed_anew = [an_admission(person, nik=nik) for _ in range(2)]
    await bench.receive(a_wave(), sealed_anew[0], sealed_anew[0].again())
    await bench.receive(sealed_anew[1])
    assert bench.words() == ["participant_admitted"]
    assert await bench.parked() == []


async def test_other_content_for_the_same_person_and_wave_is_a_conflict(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    await bench.receive(a_wave(), an_admission(person, nik=nik), an_admission(person, nik=nik, regency="3201"))
    await bench.receive(an_admission(person))
    assert bench.words() == ["participant_admitted"]
    assert [reason for reason, _ in await bench.parked()] == ["conflict", "conflict"]


async def test_the_same_wave_twice_opens_once_and_other_content_is_a_conflict(bench: Bench) -> None:
    await bench.receive(a_wave(), a_wave(), a_wave(quota=11_000))
    await bench.receive(a_wave(quota=12_000))
    assert await bench.connection.fetchval("select quota from wave") == 10_000
    assert await bench.parked() == [("conflict", "/wave")] * 2


async def test_a_wave_of_an_unknown_scheme_is_parked(bench: Bench) -> None:
    await bench.receive(a_wave(scheme="normal-2099"))
    assert await bench.parked() == [("invalid_field", "/scheme")]


async def test_whoever_comes_before_their_wave_is_taken_up_when_it_opens(bench: Bench) -> None:
    await bench.receive(an_admission())
    assert (bench.words(), await bench.rows("waiting")) == ([], 1)
    await bench.receive(a_wave())
    await bench.sweep()
    assert (bench.words(), await bench.rows("waiting")) == (["participant_admitted"], 0)


async def test_whoever_comes_after_the_wave_queues_behind_what_waits_for_it(bench: Bench) -> None:
    person, nik = a_participant_id(), a_nik()
    first, second = an_admission(person, nik=nik), an_admission(person, nik=nik, regency="3201")
    await bench.receive(first)
    await bench.receive(a_wave(), second)
    assert bench.words() == []
    await bench.sweep()
    assert (bench.words(), await bench.parked()) == (["participant_admitted"], [("conflict", "")])
    assert await bench.connection.fetchval("select regency from admission") == first.data["regency"]


async def test_a_wave_that_never_opens_parks_its_applicants(bench: Bench) -> None:
    await bench.receive(an_admission())
    bench.now += bench.session._terms.wait_at_most
    await bench.sweep()
    assert await bench.parked() == [("wait_expired", "")]


async def test_a_nik_is_admitted_once_for_ever(bench: Bench) -> None:
    nik = a_nik()
    await bench.receive(a_wave(), a_wave("49"), an_admission(nik=nik), an_admission(nik=nik))
    await bench.receive(an_admission(nik=nik, wave="49"))
    assert len(bench.of("participant_admitted")) == 1
    assert bench.reasons() == ["nik_already_admitted"] * 2
    assert await bench.breaches() == []


async def test_a_participant_is_admitted_once_though_with_another_nik(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(), a_wave("49"), an_admission(person), an_admission(person, wave="49"))
    assert bench.reasons() == ["nik_already_admitted"]


async def test_the_quota_goes_to_those_who_came_first_and_is_never_exceeded(bench: Bench) -> None:
    await bench.receive(a_wave(quota=2), *(an_admission() for _ in range(3)))
    await bench.receive(an_admission())
    assert bench.words().count("participant_admitted") == 2
    assert bench.reasons() == ["wave_full"] * 2
    assert await bench.breaches() == []


async def test_a_refusal_uses_up_no_place_in_the_wave(bench: Bench) -> None:
    await bench.receive(a_wave(quota=1), an_admission(birth_date=date(2010, 1, 1)), an_admission())
    assert sorted(bench.words()) == ["participant_admitted", "participant_refused"]
    assert bench.reasons() == ["age_out_of_range"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_refusal_uses_up_neither_the_person_nor_the_nik(bench: Bench, at_once: bool) -> None:
    person, nik = a_participant_id(), a_nik()
    await bench.receive(a_wave(quota=1), a_wave("49"), an_admission())
    refused, admitted = an_admission(person, nik=nik), an_admission(person, nik=nik, wave="49")
    await bench.receive(refused, admitted, refused.again(), at_once=at_once)
    assert bench.reasons() == ["wave_full"]
    assert [said["wave"] for said in bench.of("participant_admitted")] == ["48", "49"]
    assert await bench.breaches() == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_nik_given_back_by_a_refusal_goes_to_the_next_who_has_it(bench: Bench, at_once: bool) -> None:
    nik = a_nik()
    too_early = an_admission(nik=nik, admitted_at=write_time(NOON.replace(hour=11)))
    timely, again = an_admission(nik=nik), an_admission(nik=nik)
    await bench.receive(a_wave())
    await bench.receive(too_early, timely, again, at_once=at_once)
    assert sorted(bench.reasons()) == ["nik_already_admitted", "wave_closed"]
    (said,) = bench.of("participant_admitted")
    assert said["participant_id"] == timely.data["participant_id"]
    owner = await bench.connection.fetchval("select owner from claim where kind = 'nik'")
    assert owner == timely.data["participant_id"]


async def test_a_malformed_nik_is_refused_and_not_remembered(bench: Bench) -> None:
    await bench.receive(a_wave(), an_admission(nik="9999990101900001"))
    assert bench.reasons() == ["nik_invalid"]
    assert await bench.rows("claim") == 0


async def test_an_identity_sealed_for_somebody_else_is_parked(bench: Bench) -> None:
    other = an_admission().data["identity"]
    await bench.receive(a_wave(), an_admission(identity=other), an_admission(identity="no.seal.at.all.really"))
    assert await bench.parked() == [("bad_seal", "/identity")] * 2
    assert bench.words() == []


async def test_no_nik_rests_in_the_clear(bench: Bench) -> None:
    nik = a_nik()
    await bench.receive(a_wave(), an_admission(nik=nik), an_admission(nik="1234"))
    for table in ("admission", "account", "enrollment", "claim", "waiting", "parked"):
        rows = await bench.connection.fetch(f"select t::text as line from {table} t")
        assert not any(nik in row["line"] for row in rows), table
    assert not any(nik in str(said) for said in bench.said)


async def test_a_decision_once_made_cannot_be_changed(bench: Bench) -> None:
    await bench.receive(a_wave(), an_admission())
    with pytest.raises(Exception, match="final"):
        await bench.connection.execute("update admission set balance = 1")


async def test_what_was_said_before_a_restore_keeps_its_nik(bench: Bench) -> None:
    nik, first = a_nik(), a_participant_id()
    await bench.receive(a_wave(), an_admission(first, nik=nik))
    said = bench.said[0]
    await bench.empty()
    await bench.adopt(said)
    await bench.receive(a_wave(), an_admission(nik=nik), an_admission(first, nik=nik))
    assert bench.reasons() == ["nik_already_admitted"]
    admitted = await bench.connection.fetch("select participant_id from admission where state = 'admitted'")
    assert [row["participant_id"] for row in admitted] == [first]
