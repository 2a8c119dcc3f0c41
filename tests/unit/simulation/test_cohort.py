"""Cohort and timelines: reproducible by seed, realistic, and with every persona."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.simulation.outcome import UNFINISHED, expected_outcome
from deploy.simulation.people import (
    BALANCE,
    MODES,
    PLATFORMS,
    TIMELINE_ENDS_AT,
    Person,
    Persona,
    cohort,
)
from deploy.simulation.regions import regencies
from deploy.simulation.seals import Seals
from deploy.simulation.timeline import SimulatedEvent, further_steps, timeline
from shared.contracts import upstream
from shared.contracts.topics import PARTNERS

KEYS = Seals({kid: bytes(32) for kid in ("registration", "registry")})
TYPES = {(event.name, event.topic): event for event in upstream.EVENTS}
COHORT = cohort(7, 3000)


def all_events(person: Person) -> list[SimulatedEvent]:
    return [*timeline(person, KEYS), *(event for step in further_steps(person, KEYS) for event in step)]


def one_with(persona: Persona) -> Person:
    return next(person for person in COHORT if person.persona is persona)


def test_cohort_depends_on_its_seed_alone() -> None:
    assert cohort(7, 200) == COHORT[:200]
    assert cohort(8, 200) != COHORT[:200]


def test_people_of_different_numbers_share_no_identifier() -> None:
    people = [*cohort(1, 500), *cohort(1, 500, first_number=500)]
    for name in ("participant_id", "redeem_code", "account", "second_account"):
        assert len({getattr(person, name) for person in people}) == len(people)
    niks = Counter(person.nik for person in people if person.persona is not Persona.SAME_NIK)
    assert max(niks.values()) == 1


@pytest.mark.parametrize(
    ("share", "of"),
    [
        (0.56, lambda person: person.dwelling == "village"),
        (0.49, lambda person: person.gender == "female"),
        (0.03, lambda person: person.disability),
    ],
)
def test_cohort_has_the_programmes_shares(share: float, of: Callable[[Person], bool]) -> None:
    assert sum(map(of, COHORT)) / len(COHORT) == pytest.approx(share, abs=0.02)


def test_cohort_covers_real_places_modes_platforms_and_personas() -> None:
    assert len(regencies()) == 514
    assert {person.regency for person in COHORT} <= set(regencies())
    assert {person.mode for person in COHORT} == set(MODES)
    assert {person.platform for person in COHORT} == set(PLATFORMS)
    assert {person.partner for person in COHORT} == set(PARTNERS)
    assert {person.persona for person in COHORT} == set(Persona)


def test_cohort_without_weights_is_ordinary() -> None:
    assert {person.persona for person in cohort(7, 100, weights={})} == {Persona.ORDINARY}


def test_every_event_fits_its_contract_and_lies_in_the_past() -> None:
    for person in COHORT[:500]:
        for event in all_events(person):
            TYPES[event.type, event.topic].parse(json.dumps(event.data).encode())
            assert event.time < TIMELINE_ENDS_AT


def test_event_ids_are_stable_and_unique() -> None:
    ids = [event.id for person in COHORT[:500] for event in all_events(person)]
    assert len(set(ids)) == len(ids)
    assert ids == [event.id for person in COHORT[:500] for event in all_events(person)]


def test_only_enrolled_people_have_evidence() -> None:
    for persona in Persona:
        person = one_with(persona)
        about = {event.data.get("redeem_code") for event in all_events(person) if event.topic == "training.evidence"}
        rejected = {training.redeem_code for training in expected_outcome(person).trainings if training.rejected}
        assert not about & rejected


def test_unfinished_people_lack_a_valid_attendance() -> None:
    for persona in UNFINISHED:
        person = one_with(persona)
        events = all_events(person)
        attended = {event.id for event in events if event.type.endswith("session_attended.v1") and not event.parked}
        revoked = {event.data["evidence"]["id"] for event in events if event.type.endswith("evidence_revoked.v1")}  # type: ignore[index]
        assert len(attended - revoked) < person.sessions


def test_second_training_costs_the_rest_after_the_first_is_rated() -> None:
    for person in (person for person in COHORT if person.persona is Persona.SECOND_TRAINING):
        first, second = person.trainings
        events = all_events(person)
        bought = {e.data["redeem_code"]: e.time for e in events if e.type.endswith("training_purchased.v1")}
        rated = {e.data["redeem_code"]: e.time for e in events if e.type.endswith("training_rated.v1")}
        assert list(rated) == [first.redeem_code]
        assert rated[first.redeem_code] < bought[second.redeem_code] <= person.admitted_at + timedelta(days=15)
        assert (first.price + second.price, min(first.price, second.price) > 0) == (3_500_000, True)


def test_price_of_a_voided_training_buys_the_next_one() -> None:
    for person in (person for person in COHORT if person.persona is Persona.VOIDED_FIRST):
        first, second = person.trainings
        voided = next(event for event in all_events(person) if event.type.endswith("training_voided.v1"))
        bought = [event.time for event in all_events(person) if event.type.endswith("training_purchased.v1")]
        assert bought[0] < voided.time < bought[1]
        assert BALANCE - first.price < second.price <= BALANCE


def test_revocation_names_evidence_that_keeps_its_id() -> None:
    for persona in (Persona.FRAUD_FOUND_FIRST, Persona.FRAUD_FOUND_AFTERWARDS, Persona.TEST_REVOKED):
        events = all_events(one_with(persona))
        revocation = next(event for event in events if event.type.endswith("evidence_revoked.v1"))
        named = [event for event in events if (event.source, event.id) == tuple(revocation.data["evidence"].values())]  # type: ignore[attr-defined]
        assert [(event.topic, event.keeps_id) for event in named] == [(revocation.topic, True)]


def test_attendance_found_false_first_is_revoked_before_it_is_reported() -> None:
    first = [event.type.split(".")[2] for event in timeline(one_with(Persona.FRAUD_FOUND_FIRST), KEYS)]
    assert "evidence_revoked" in first
    assert "session_attended" not in first


def test_too_early_attendance_is_marked_in_every_mode() -> None:
    for mode in MODES:
        events = all_events(replace(one_with(Persona.TOO_EARLY), mode=mode))
        bought = next(event for event in events if event.type.endswith("training_purchased.v1"))
        starts = [datetime.fromisoformat(session["starts_at"]) for session in bought.data["sessions"]]  # type: ignore[attr-defined]
        early = [event for event in events if event.parked]
        assert [event.parked for event in early] == ["out_of_window"]
        assert all(
            event.time < start.astimezone(UTC) - timedelta(hours=1) for event, start in zip(early, starts, strict=True)
        )


def test_nik_contains_the_birth_date_except_for_the_persona_without() -> None:
    for person in COHORT:
        day = person.birth_date.day + (40 if person.gender == "female" else 0)
        agrees = person.nik[6:12] == f"{day:02d}{person.birth_date:%m%y}"
        assert agrees == (person.persona is not Persona.WRONG_BIRTH_DATE)
