"""Revoked completions, and what is bought before and after."""

from datetime import timedelta

import pytest

from tests.builders import ADMITTED_AT, Event, a_purchase, a_wave, an_admission
from tests.integration.enrollment.harness import WAIT_AT_MOST, EnrollmentHarness, completed, rated, revoked

DAY = timedelta(days=1)
DONE_AT, REVOKED_AT = ADMITTED_AT + 4 * DAY, ADMITTED_AT + 6 * DAY


@pytest.fixture
async def first(harness: EnrollmentHarness) -> Event:
    """Confirm, complete and rate a training, and revoke its completion."""
    admission = an_admission()
    person = str(admission.data["participant_id"])
    purchase = a_purchase(person)
    code = str(purchase.data["redeem_code"])
    await harness.receive(a_wave(), admission, purchase)
    await harness.receive(completed(person, code, DONE_AT), rated(person, code, DONE_AT))
    await harness.receive(revoked(person, code, REVOKED_AT))
    harness.announced.clear()
    return purchase


async def test_purchase_after_the_revocation_finds_no_completed_training(
    harness: EnrollmentHarness, first: Event
) -> None:
    await harness.receive(a_purchase(first.data["participant_id"], purchased_at=REVOKED_AT))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert harness.reasons() == ["previous_not_completed"]
    assert await harness.breaches() == []


async def test_purchase_from_before_the_revocation_is_confirmed(harness: EnrollmentHarness, first: Event) -> None:
    bought = REVOKED_AT - timedelta(seconds=1)
    await harness.receive(a_purchase(first.data["participant_id"], purchased_at=bought))
    assert harness.event_names() == ["enrollment_confirmed"]


async def test_first_revocation_of_a_completion_counts(harness: EnrollmentHarness, first: Event) -> None:
    await harness.receive(revoked(first.data["participant_id"], first.data["redeem_code"], REVOKED_AT + DAY))
    assert await harness.connection.fetchval("select revoked_at from enrollment") == REVOKED_AT


async def test_revocation_before_its_enrollment_is_deferred(harness: EnrollmentHarness) -> None:
    admission = an_admission()
    person = admission.data["participant_id"]
    purchase = a_purchase(person)
    code = purchase.data["redeem_code"]
    await harness.receive(a_wave(), admission, completed(person, code, DONE_AT), revoked(person, code, REVOKED_AT))
    await harness.receive(purchase)
    assert await harness.connection.fetchval("select revoked_at from enrollment") == REVOKED_AT
    assert await harness.rows("waiting") == 0


async def test_audit_trail_shows_the_revocation(harness: EnrollmentHarness, first: Event) -> None:
    found = await harness.definition.audit_trail(harness.connection, str(first.data["participant_id"]))
    assert found is not None
    steps = found["decisions"]
    assert steps[-1]["decision"] == "completion_revoked"
