"""Purchases, completions and ratings, on a real database."""

from datetime import date, datetime, timedelta

import pytest

from tests.builders import (
    ADMITTED_AT,
    Event,
    a_participant_id,
    a_purchase,
    a_redeem_code,
    a_wave,
    an_admission,
    sessions,
)
from tests.integration.enrollment.harness import (
    NORMAL,
    WAIT_AT_MOST,
    EnrollmentHarness,
    completed,
    not_completed,
    rated,
)

DAY = timedelta(days=1)
DONE_AT = ADMITTED_AT + 4 * DAY
NEXT_AT = ADMITTED_AT + 6 * DAY


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to wave 48."""
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    harness.announced.clear()
    return str(admission.data["participant_id"])


def done(first: Event, at: datetime = DONE_AT) -> tuple[Event, Event]:
    """Return the completion and the rating of a training."""
    person, code = first.data["participant_id"], first.data["redeem_code"]
    return completed(person, code, at), rated(person, code, at)


async def test_confirmed_enrollment_carries_rule_and_benefits(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_purchase(person))
    (data,) = harness.data_of("enrollment_confirmed")
    assert (data["wave"], data["scheme"], data["scheme_version"]) == ("48", NORMAL.scheme, NORMAL.version)
    assert [session["proof"] for session in data["sessions"]] == ["face", "venue_qr"]
    assert data["requires"] == {
        "post_test": "passed",
        "graded": True,
        "certificate": False,
        "sessions_at_least": None,
    }
    assert (data["whole_span"], data["evidence_days"], data["complete_within_days"]) == (False, 30, 30)
    assert data["clawback_days"] == NORMAL.clawback_days
    fee, incentive, *surveys = data["benefits"]
    assert (fee["benefit"], fee["amount"]["value"], fee["payee"], fee["milestone"]) == (
        "fee",
        1_500_000,
        "provider",
        "completed",
    )
    assert (incentive["benefit"], incentive["amount"]["value"], incentive["milestone"]) == (
        "incentive_1",
        NORMAL.incentive.amount,
        "rated",
    )
    assert NORMAL.survey is not None
    assert [(one["benefit"], one["amount"]["value"], one["milestone"]) for one in surveys] == [
        ("survey_1", NORMAL.survey.amount, "survey_1"),
        ("survey_2", NORMAL.survey.amount, "survey_2"),
    ]
    assert [one["first_training_only"] for one in data["benefits"]] == [False, True, True, True]
    assert await harness.breaches() == []


async def test_a_purchase_sent_three_times_enrolls_once(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    await harness.receive(purchase, purchase.with_new_id())
    await harness.receive(purchase.with_new_id())
    assert harness.event_names() == ["enrollment_confirmed"]
    assert await harness.parked() == []


async def test_other_content_under_the_same_redeem_code_is_a_conflict(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    await harness.receive(purchase, purchase.with_data(hours=20))
    await harness.receive(purchase.with_data(hours=21))
    assert [data["hours"] for data in harness.data_of("enrollment_confirmed")] == [18]
    assert [reason for reason, _ in await harness.parked()] == ["conflict", "conflict"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_purchase_under_another_participants_redeem_code_is_parked(
    harness: EnrollmentHarness, person: str, at_once: bool
) -> None:
    other, code = an_admission(), a_redeem_code()
    stolen = a_purchase(other.data["participant_id"], code)
    await harness.receive(other)
    await harness.receive(a_purchase(person, code), stolen, at_once=at_once)
    assert [data["participant_id"] for data in harness.data_of("enrollment_confirmed")] == [person]
    assert await harness.parked() == [("not_yours", "/redeem_code")]


async def test_purchase_before_its_participant_is_deferred(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_purchase(person))
    assert harness.event_names() == []
    await harness.receive(an_admission(person))
    assert harness.event_names() == ["participant_admitted", "enrollment_confirmed"]


async def test_purchase_without_an_application_is_parked_when_it_expires(
    harness: EnrollmentHarness,
) -> None:
    await harness.receive(a_wave(), a_purchase(a_participant_id()))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert await harness.parked() == [("wait_expired", "")]


async def test_purchase_of_a_refused_participant_is_rejected(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_purchase(person), an_admission(person, birth_date=date(2012, 1, 1)))
    assert harness.event_names() == ["participant_refused", "enrollment_rejected"]
    assert harness.data_of("enrollment_rejected")[0]["reason"] == "not_admitted"
    assert harness.data_of("enrollment_rejected")[0]["wave"] is None


async def test_late_first_purchase_is_rejected_once_all_sent_before_is_read(
    harness: EnrollmentHarness, person: str
) -> None:
    await harness.receive(a_purchase(person, purchased_at=ADMITTED_AT + 16 * DAY))
    await harness.sweep(read_through=harness.now - timedelta(seconds=1))
    assert harness.event_names() == []
    harness.now += timedelta(seconds=5)
    await harness.sweep()
    assert harness.reasons() == ["first_purchase_late"]
    assert await harness.breaches() == []


async def test_late_purchase_is_confirmed_when_an_earlier_one_arrives(harness: EnrollmentHarness, person: str) -> None:
    first, late = a_purchase(person), a_purchase(person, purchased_at=ADMITTED_AT + 17 * DAY)
    await harness.receive(late)
    await harness.receive(first)
    await harness.receive(*done(first))
    await harness.sweep()
    assert [data["redeem_code"] for data in harness.data_of("enrollment_confirmed")] == [
        first.data["redeem_code"],
        late.data["redeem_code"],
    ]


async def test_next_purchase_is_undecided_until_the_previous_training_is_done(
    harness: EnrollmentHarness, person: str
) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    completion, rating = done(first)
    await harness.receive(first, following, following.with_new_id())
    assert len(harness.announced) == 1
    await harness.receive(rating)
    assert len(harness.announced) == 1
    await harness.receive(completion, completion.with_new_id())
    assert harness.event_names() == ["enrollment_confirmed"] * 2
    assert await harness.breaches() == []


async def test_next_training_is_rejected_when_the_previous_stays_unknown(
    harness: EnrollmentHarness, person: str
) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    await harness.receive(first, following)
    harness.now += WAIT_AT_MOST
    await harness.sweep(read_through=harness.now - timedelta(seconds=1))
    assert harness.reasons() == []
    await harness.sweep()
    assert harness.reasons() == ["previous_not_completed"]
    await harness.receive(following.with_new_id(), *done(first))
    assert harness.event_names() == ["enrollment_confirmed", "enrollment_rejected"]


async def test_purchase_during_another_training_is_rejected_at_once(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    meanwhile = a_purchase(person, purchased_at=ADMITTED_AT + timedelta(days=1, hours=5))
    await harness.receive(meanwhile, first)
    assert harness.reasons() == ["previous_not_completed"]
    assert [data["redeem_code"] for data in harness.data_of("enrollment_confirmed")] == [first.data["redeem_code"]]


async def test_next_purchase_counts_on_a_training_that_was_reopened(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    await harness.receive(first, not_completed(person, first.data["redeem_code"]))
    await harness.receive(*done(first), not_completed(person, first.data["redeem_code"]))
    await harness.receive(a_purchase(person, purchased_at=NEXT_AT))
    assert harness.event_names() == ["enrollment_confirmed"] * 2


async def test_next_purchase_after_its_deadline_is_rejected(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    await harness.receive(first)
    await harness.receive(*done(first))
    await harness.receive(a_purchase(person, purchased_at=DONE_AT + 16 * DAY))
    harness.now += timedelta(seconds=5)
    await harness.sweep()
    assert harness.reasons() == ["next_purchase_late"]


async def test_trainings_cannot_cost_more_than_the_balance(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    dear = a_purchase(person, purchased_at=NEXT_AT, price={"value": 2_000_001, "currency": "IDR"})
    affordable = a_purchase(person, purchased_at=NEXT_AT, price={"value": 2_000_000, "currency": "IDR"})
    await harness.receive(first)
    await harness.receive(*done(first))
    await harness.receive(dear, affordable)
    assert harness.reasons() == ["balance_insufficient"]
    assert len(harness.data_of("enrollment_confirmed")) == 2
    assert await harness.breaches() == []


async def test_completion_before_its_enrollment_is_deferred(harness: EnrollmentHarness, person: str) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    await harness.receive(*done(first))
    await harness.receive(first)
    await harness.receive(following)
    assert harness.event_names() == ["enrollment_confirmed"] * 2
    assert await harness.rows("waiting") == 0


async def test_batch_releases_records_it_deferred_itself(harness: EnrollmentHarness) -> None:
    admission = an_admission()
    first = a_purchase(admission.data["participant_id"])
    await harness.receive(a_wave(), first)
    await harness.receive(admission, *done(first))
    assert await harness.rows("waiting") == 0
    assert await harness.connection.fetchval("select completed_at = rated_at from enrollment")


async def test_purchase_announced_before_a_restore_keeps_its_code(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    await harness.receive(purchase)
    data = harness.announced[0]
    await harness.reset()
    await harness.adopt(data)
    other = an_admission()
    thief = a_purchase(other.data["participant_id"], purchase.data["redeem_code"])
    await harness.receive(a_wave(), other, thief, an_admission(person), purchase)
    confirmed = await harness.connection.fetch("select participant_id from enrollment where state = 'confirmed'")
    assert [row["participant_id"] for row in confirmed] == [person]
    assert await harness.parked() == [("not_yours", "/redeem_code")]


async def test_a_decided_enrollment_cannot_be_changed(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_purchase(person))
    with pytest.raises(Exception, match="final"):
        await harness.connection.execute("update enrollment set price = 1")


async def test_self_paced_training_is_confirmed_with_its_whole_span(harness: EnrollmentHarness, person: str) -> None:
    span = sessions(ADMITTED_AT + 2 * DAY, "self_paced")
    await harness.receive(a_purchase(person, mode="self_paced", sessions=span))
    (data,) = harness.data_of("enrollment_confirmed")
    assert data["whole_span"] is True
    assert data["sessions"][0]["ends_at"] == span[0]["ends_at"]
