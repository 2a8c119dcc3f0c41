"""The catalogue: approvals of courses, and the purchases that are compared with them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.enrollment.domain.scheme import SchemeVersions
from tests.builders import ADMITTED_AT, a_course, a_purchase, a_wave, an_admission
from tests.infrastructure import Database
from tests.integration.enrollment.harness import NORMAL, WAIT_AT_MOST, EnrollmentHarness, create_harness

REQUIRED = replace(NORMAL, purchase=replace(NORMAL.purchase, catalogue="required"))
LESS = {"value": 1_400_000, "currency": "IDR"}


@pytest.fixture
async def strict(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EnrollmentHarness]:
    """Open the service under a scheme that requires approvals."""
    schemes = {REQUIRED.scheme: SchemeVersions((REQUIRED,))}
    monkeypatch.setattr("services.enrollment.app.load_schemes", lambda _: schemes)
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()


async def admit(harness: EnrollmentHarness) -> str:
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    harness.announced.clear()
    return str(admission.data["participant_id"])


async def versions(harness: EnrollmentHarness) -> list[int | None]:
    """Return the version of the course under which each enrollment came to be in its state."""
    rows = await harness.connection.fetch("select course_version from enrollment order by purchased_at")
    return [row["course_version"] for row in rows]


async def test_purchase_waits_for_the_required_approval(strict: EnrollmentHarness) -> None:
    purchase = a_purchase(await admit(strict))
    await strict.receive(purchase)
    strict.now += WAIT_AT_MOST - timedelta(seconds=1)
    await strict.sweep()
    assert strict.event_names() == []
    await strict.receive(a_course())
    await strict.sweep()
    assert strict.event_names() == ["enrollment_confirmed"]
    assert await versions(strict) == [1]
    assert await strict.breaches() == []


async def test_purchase_of_a_course_never_approved_is_rejected_when_due(strict: EnrollmentHarness) -> None:
    await strict.receive(a_purchase(await admit(strict)))
    strict.now += WAIT_AT_MOST
    await strict.sweep()
    await strict.receive(a_course())
    await strict.sweep()
    assert strict.event_names() == ["enrollment_rejected", "balance_forfeited"]
    assert strict.reasons() == ["course_not_approved", "first_purchase_late"]


async def test_purchase_waits_behind_an_earlier_one_that_awaits_its_approval(strict: EnrollmentHarness) -> None:
    first = a_purchase(await admit(strict), price={"value": 3_000_000, "currency": "IDR"})
    person = first.data["participant_id"]
    later = a_purchase(person, purchased_at=ADMITTED_AT + timedelta(days=9), course_code="C-0816")
    await strict.receive(a_course("C-0816"), first)
    strict.now += timedelta(hours=1)
    await strict.receive(later)
    await strict.sweep()
    assert strict.event_names() == []
    await strict.receive(a_course(price_at_most={"value": 3_000_000, "currency": "IDR"}))
    await strict.sweep()
    assert [data["redeem_code"] for data in strict.data_of("enrollment_confirmed")] == [first.data["redeem_code"]]
    assert strict.reasons() == ["balance_insufficient"]


@pytest.mark.parametrize("earlier_first", [True, False])
async def test_purchase_is_free_once_the_earlier_one_is_not_approved(
    strict: EnrollmentHarness, earlier_first: bool
) -> None:
    first = a_purchase(await admit(strict))
    later = a_purchase(first.data["participant_id"], purchased_at=ADMITTED_AT + timedelta(days=9), course_code="C-0816")
    purchases = [first, later] if earlier_first else [later, first]
    for purchase in purchases:
        await strict.receive(purchase)
        strict.now += timedelta(hours=1)
    await strict.receive(a_course("C-0816"))
    await strict.sweep()
    assert strict.event_names() == []
    strict.now += WAIT_AT_MOST
    await strict.sweep()
    assert strict.event_names() == ["enrollment_rejected", "enrollment_confirmed"]
    assert strict.data_of("enrollment_confirmed")[0]["redeem_code"] == later.data["redeem_code"]
    assert strict.reasons() == ["course_not_approved"]


async def test_approval_read_by_the_end_of_the_wait_counts(strict: EnrollmentHarness) -> None:
    await strict.receive(a_purchase(await admit(strict)))
    await strict.receive(a_course())
    strict.now += WAIT_AT_MOST
    await strict.sweep()
    assert strict.event_names() == ["enrollment_confirmed"]


async def test_approval_lets_no_other_purchase_be_rejected_too_early(strict: EnrollmentHarness) -> None:
    person = await admit(strict)
    first = a_purchase(person)
    following = a_purchase(person, purchased_at=ADMITTED_AT + timedelta(days=6))
    third = a_purchase(person, purchased_at=ADMITTED_AT + timedelta(days=8), course_code="C-0816")
    await strict.receive(a_course(), first, following, third)
    await strict.receive(a_course("C-0816"))
    strict.now += WAIT_AT_MOST
    await strict.sweep(read_through=strict.now - timedelta(seconds=1))
    assert strict.reasons() == []
    await strict.sweep()
    assert strict.reasons() == ["previous_not_completed"] * 2


async def test_unknown_course_is_no_obstacle_where_the_catalogue_is_optional(harness: EnrollmentHarness) -> None:
    await harness.receive(a_purchase(await admit(harness)))
    assert harness.event_names() == ["enrollment_confirmed"]
    assert await versions(harness) == [None]


@pytest.mark.parametrize(
    ("approval", "reason"),
    [
        ({"provider_id": "LP0002"}, "course_not_approved"),
        ({"modes": ["online"]}, "course_not_approved"),
        ({"price_at_most": LESS}, "price_above_approved"),
    ],
)
async def test_approval_binds_where_the_catalogue_is_optional(
    harness: EnrollmentHarness, approval: dict[str, Any], reason: str
) -> None:
    person = await admit(harness)
    await harness.receive(a_course(**approval), a_purchase(person))
    assert harness.reasons() == [reason]
    assert await harness.breaches() == []


async def test_highest_version_counts_in_any_order(harness: EnrollmentHarness) -> None:
    person = await admit(harness)
    await harness.receive(a_course(version=3), a_course(version=2, price_at_most=LESS), at_once=False)
    await harness.receive(a_purchase(person))
    assert harness.event_names() == ["enrollment_confirmed"]
    assert await versions(harness) == [3]
    await harness.receive(a_course(version=4, price_at_most=LESS))
    await harness.sweep()
    assert (harness.event_names(), await versions(harness)) == (["enrollment_confirmed"], [3])


@pytest.mark.parametrize("at_once", [True, False])
async def test_other_content_under_a_known_version_is_a_conflict(harness: EnrollmentHarness, at_once: bool) -> None:
    course = a_course()
    same = course.with_data(modes=["online", "hybrid"])
    await harness.receive(course, course.with_new_id(), same, course.with_data(hours=19), at_once=at_once)
    assert await harness.parked() == [("conflict", "/version")]
    assert await harness.rows("course") == 1


async def test_a_stored_approval_cannot_be_changed(harness: EnrollmentHarness) -> None:
    await harness.receive(a_course())
    with pytest.raises(Exception, match="final"):
        await harness.connection.execute("update course set hours = 1")
