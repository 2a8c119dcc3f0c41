"""Waves of both schemes, and old waves under new scheme files, on a real database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.enrollment import app
from services.enrollment.domain.benefits import IncentiveRule
from services.enrollment.domain.scheme import Scheme, SchemeVersions
from services.enrollment.schemes import load_schemes
from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    BORN,
    Event,
    a_participant_id,
    a_purchase,
    a_wave,
    an_admission,
    sessions,
)
from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.harness import NORMAL, EnrollmentHarness, completed, create_harness, rated

DAY = timedelta(days=1)
SCHEMES = load_schemes()
EARLIER = SCHEMES["semi-bansos-2020"].at(ADMITTED_AT)
WAVE = a_wave(wave="12", scheme=EARLIER.scheme)


def use_version(monkeypatch: pytest.MonkeyPatch, version: Scheme) -> None:
    """Let services that are started from here on have one version more of the normal scheme."""
    schemes = {**SCHEMES, version.scheme: SchemeVersions((version, *SCHEMES[version.scheme].versions))}
    monkeypatch.setattr(app, "load_schemes", lambda _: schemes)


def a_later_version(in_force_from: date) -> Scheme:
    """Return a version with other amounts, deadlines and evidence."""
    return replace(
        NORMAL,
        version=NORMAL.version + 1,
        in_force_from=in_force_from,
        training_balance=9_000_000,
        incentive=IncentiveRule(amount=NORMAL.incentive.amount + 1, times=1, milestone="completed"),
        purchase=replace(NORMAL.purchase, minimum_hours=100),
        modes={"online": replace(NORMAL.modes["online"], sessions_share=50)},
    )


async def stored_decisions(harness: EnrollmentHarness) -> Sequence[Mapping[str, Any]]:
    rows = await harness.connection.fetch(
        "select participant_id, scheme, scheme_version, balance::text as decided from admission"
        " union all select redeem_code, scheme, scheme_version, state from enrollment order by 1"
    )
    return [dict(row) for row in rows]


async def a_wave_decided(harness: EnrollmentHarness) -> list[Event]:
    """Have an old wave decided: an admission, a purchase that is confirmed and one that is rejected."""
    admission = an_admission()
    person = str(admission.data["participant_id"])
    events = [a_wave(), admission, a_purchase(person), a_purchase(person, hours=14)]
    await harness.receive(*events)
    return events


async def test_old_wave_read_again_under_new_files_is_not_decided_anew(
    harness: EnrollmentHarness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await a_wave_decided(harness)
    before = await stored_decisions(harness)
    use_version(monkeypatch, a_later_version(NORMAL.in_force_from))
    restarted = await create_harness(database)
    await restarted.receive(*(event.with_new_id() for event in events))
    await restarted.sweep()
    assert restarted.announced == []
    assert await stored_decisions(restarted) == before
    assert {row["scheme_version"] for row in before} == {NORMAL.version}
    await restarted.connection.close()


async def test_old_wave_restored_under_new_files_stands_as_announced(
    harness: EnrollmentHarness, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await a_wave_decided(harness)
    use_version(monkeypatch, a_later_version(NORMAL.in_force_from))
    empty = await postgres.lend("enrollment")
    restored = await create_harness(empty)
    await restored.adopt(*harness.announced)
    await restored.receive(*events)
    confirmed = [row for row in await stored_decisions(restored) if row["decided"] != "rejected"]
    assert confirmed == [row for row in await stored_decisions(harness) if row["decided"] != "rejected"]
    assert restored.announced == []
    await restored.connection.close()
    await postgres.take_back(empty)


async def test_purchase_is_decided_by_the_version_of_its_day_when_read_late(
    harness: EnrollmentHarness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = an_admission(), an_admission()
    await harness.receive(a_wave(), first, second)
    in_force_from = (ADMITTED_AT + 3 * DAY).date()
    use_version(monkeypatch, a_later_version(in_force_from))
    restarted = await create_harness(database)
    for admission, bought in ((first, ADMITTED_AT + 2 * DAY), (second, ADMITTED_AT + 3 * DAY)):
        person = str(admission.data["participant_id"])
        online = sessions(bought + DAY, "online", "online")
        await restarted.receive(
            a_purchase(person, purchased_at=bought, mode="online", hours=100, sessions=online, class_size=150)
        )
    old, new = restarted.data_of("enrollment_confirmed")
    assert [one["scheme_version"] for one in (old, new)] == [NORMAL.version, NORMAL.version + 1]
    assert [one["benefits"][1]["amount"]["value"] for one in (old, new)] == [
        NORMAL.incentive.amount,
        NORMAL.incentive.amount + 1,
    ]
    assert [one["benefits"][1]["milestone"] for one in (old, new)] == ["rated", "completed"]
    assert [one["requires"]["sessions_at_least"] for one in (old, new)] == [None, 1]
    assert await restarted.breaches() == []
    await restarted.connection.close()


async def test_application_is_decided_by_the_version_of_its_day_when_read_late(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = a_later_version((ADMITTED_AT + 3 * DAY).date())
    use_version(monkeypatch, later)
    started = await create_harness(database)
    await started.receive(a_wave(), *(an_admission(admitted_at=write_time(ADMITTED_AT + day * DAY)) for day in (2, 3)))
    decided = [(data["scheme_version"], data["balance"]["value"]) for data in started.data_of("participant_admitted")]
    assert sorted(decided) == [(NORMAL.version, NORMAL.training_balance), (later.version, later.training_balance)]
    await started.connection.close()


@pytest.mark.parametrize(
    ("opens_at", "cut_off_at"),
    [
        (ADMITTED_AT - DAY, "2023-12-31T17:00:00Z"),
        (datetime(2023, 12, 31, 14, tzinfo=UTC), "2023-12-31T17:00:00Z"),
        (datetime(2023, 12, 31, 17, tzinfo=UTC), None),
    ],
)
async def test_confirmations_carry_the_cut_off_of_their_wave(
    harness: EnrollmentHarness, opens_at: datetime, cut_off_at: str | None
) -> None:
    harness.now = opens_at + DAY
    wave = a_wave(opens_at=write_time(opens_at), closes_at=write_time(opens_at + DAY))
    admission = an_admission(admitted_at=write_time(opens_at))
    bought = opens_at + timedelta(hours=1)
    await harness.receive(wave, admission, a_purchase(str(admission.data["participant_id"]), purchased_at=bought))
    (data,) = harness.data_of("enrollment_confirmed")
    assert data["cut_off_at"] == cut_off_at


async def test_wave_stored_before_cut_offs_stays_without_one(harness: EnrollmentHarness) -> None:
    wave, admission = a_wave(), an_admission()
    await harness.receive(wave)
    await harness.connection.execute("update wave set cut_off_at = null")
    await harness.receive(wave.with_new_id(), admission)
    await harness.receive(a_purchase(str(admission.data["participant_id"])))
    (data,) = harness.data_of("enrollment_confirmed")
    assert data["cut_off_at"] is None
    assert await harness.parked() == []


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to a wave of the scheme of 2020."""
    admission = an_admission(wave="12")
    await harness.receive(WAVE, admission)
    return str(admission.data["participant_id"])


def an_online_purchase(person: str, **changes: Any) -> Event:
    """Return a purchase at the limits of the scheme of 2020."""
    bought = changes.setdefault("purchased_at", ADMITTED_AT + DAY)
    return a_purchase(
        person,
        **{
            "mode": "online",
            "price": {"value": EARLIER.training_balance, "currency": "IDR"},
            "hours": 6,
            "class_size": 10_000,
            "sessions": sessions(bought + DAY, "online", "online"),
            **changes,
        },
    )


async def test_wave_of_2020_admits_with_its_own_balance_and_ages(harness: EnrollmentHarness) -> None:
    old, young = date(1940, 1, 1), BORN.replace(year=ADMITTED_AT.year - 17)
    await harness.receive(WAVE, an_admission(wave="12", birth_date=old), an_admission(wave="12", birth_date=young))
    (admitted,) = harness.data_of("participant_admitted")
    assert (admitted["scheme"], admitted["scheme_version"]) == (EARLIER.scheme, EARLIER.version)
    assert admitted["balance"]["value"] == EARLIER.training_balance
    assert harness.reasons() == ["age_out_of_range"]


@pytest.mark.parametrize("mode", ["online", "self_paced"])
async def test_training_of_2020_carries_its_evidence_and_benefits(
    harness: EnrollmentHarness, person: str, mode: str
) -> None:
    await harness.receive(an_online_purchase(person, mode=mode, sessions=sessions(ADMITTED_AT + 2 * DAY, mode, mode)))
    (data,) = harness.data_of("enrollment_confirmed")
    assert data["requires"] == {
        "post_test": "taken",
        "graded": False,
        "certificate": True,
        "sessions_at_least": None,
    }
    assert [session["proof"] for session in data["sessions"]] == ["face", "face"]
    assert [(one["benefit"], one["amount"]["value"], one["months_after"]) for one in data["benefits"]] == [
        (one.benefit, one.amount or EARLIER.training_balance, one.months_after) for one in EARLIER.benefits
    ]
    assert len(data["benefits"]) == 1 + 4 + 3
    assert await harness.breaches() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": "offline"}, "mode_not_allowed"),
        ({"mode": "hybrid"}, "mode_not_allowed"),
        ({"hours": 5}, "hours_too_few"),
        ({"price": {"value": EARLIER.training_balance + 1, "currency": "IDR"}}, "balance_insufficient"),
        ({"purchased_at": ADMITTED_AT + 31 * DAY}, "first_purchase_late"),
    ],
)
async def test_training_beyond_a_limit_of_2020_is_rejected(
    harness: EnrollmentHarness, person: str, changes: dict[str, Any], reason: str
) -> None:
    await harness.receive(an_online_purchase(person, **changes))
    await harness.sweep()
    assert harness.reasons() == [reason]


async def test_trainings_of_2020_follow_each_other_without_a_deadline(harness: EnrollmentHarness, person: str) -> None:
    price = {"value": EARLIER.training_balance // 3, "currency": "IDR"}
    first = an_online_purchase(person, purchased_at=ADMITTED_AT + 30 * DAY, price=price)
    early = an_online_purchase(person, purchased_at=ADMITTED_AT + 33 * DAY, price=price)
    late = an_online_purchase(person, purchased_at=ADMITTED_AT + 100 * DAY, price=price)
    code, done = str(first.data["redeem_code"]), ADMITTED_AT + 34 * DAY
    await harness.receive(first)
    await harness.receive(completed(person, code, done), rated(person, code, done))
    await harness.receive(early, late)
    confirmed = [data["purchased_at"] for data in harness.data_of("enrollment_confirmed")]
    assert confirmed == [write_time(ADMITTED_AT + 30 * DAY), write_time(ADMITTED_AT + 100 * DAY)]
    assert harness.reasons() == ["previous_not_completed"]
    assert await harness.breaches() == []


async def test_application_before_its_wave_of_2020_is_deferred(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(an_online_purchase(person), an_admission(person, wave="12"))
    assert harness.announced == []
    await harness.receive(WAVE)
    await harness.sweep()
    assert harness.event_names() == ["participant_admitted", "enrollment_confirmed"]


async def test_offline_training_is_refused_outside_the_open_regions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    restricted = replace(NORMAL, purchase=replace(NORMAL.purchase, offline_regions=("31", "3273")))
    use_version(monkeypatch, replace(restricted, version=NORMAL.version + 1))
    harness = await create_harness(database)
    outside, inside = an_admission(regency="3301"), an_admission(regency="3273")
    await harness.receive(a_wave(), outside, inside)
    for admission in (outside, inside):
        offline: dict[str, Any] = {
            "mode": "offline",
            "class_size": 40,
            "sessions": sessions(ADMITTED_AT + 9 * DAY, "offline"),
        }
        await harness.receive(a_purchase(str(admission.data["participant_id"]), **offline))
    assert harness.event_names()[-2:] == ["enrollment_rejected", "enrollment_confirmed"]
    assert harness.reasons() == ["region_not_open"]
    await harness.connection.close()
