"""Purchases, completions and ratings, on a real database."""

from datetime import date, datetime, timedelta

import pytest

from deploy.simulation.scheme import INCENTIVE
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
from tests.integration.enrollment.bench import WAIT_AT_MOST, Bench, completed, rated

DAY = timedelta(days=1)
DONE_AT = ADMITTED_AT + 4 * DAY
NEXT_AT = ADMITTED_AT + 6 * DAY


@pytest.fixture
async def person(bench: Bench) -> str:
    """Somebody admitted to wave 48."""
    admission = an_admission()
    await bench.receive(a_wave(), admission)
    bench.said.clear()
    return str(admission.data["participant_id"])


def done(first: Event, at: datetime = DONE_AT) -> tuple[Event, Event]:
    """The first training is completed and rated."""
    person, code = first.data["participant_id"], first.data["redeem_code"]
    return completed(person, code, at), rated(person, code, at)


async def test_a_confirmed_enrollment_carries_what_the_others_need(bench: Bench, person: str) -> None:
    await bench.receive(a_purchase(person))
    (said,) = bench.of("enrollment_confirmed")
    assert (said["wave"], said["scheme"], said["scheme_version"]) == ("48", "normal-2023", 1)
    assert [session["proof"] for session in said["sessions"]] == ["face", "venue_qr"]
    assert said["requires"] == {"post_test": "passed", "graded": True, "certificate": False}
    assert (said["whole_span"], said["evidence_days"], said["complete_within_days"]) == (False, 30, 30)
    fee, incentive = said["benefits"]
    assert (fee["benefit"], fee["amount"]["value"], fee["payee"], fee["milestone"]) == (
        "fee",
        1_500_000,
        "provider",
        "completed",
    )
    assert (incentive["benefit"], incentive["amount"]["value"], incentive["milestone"]) == (
        "incentive_1",
        INCENTIVE,
        "rated",
    )
    assert await bench.breaches() == []


async def test_a_purchase_sent_three_times_enrolls_once(bench: Bench, person: str) -> None:
    purchase = a_purchase(person)
    await bench.receive(purchase, purchase.again())
    await bench.receive(purchase.again())
    assert bench.words() == ["enrollment_confirmed"]
    assert await bench.parked() == []


async def test_other_content_under_the_same_redeem_code_is_a_conflict(bench: Bench, person: str) -> None:
    purchase = a_purchase(person)
    await bench.receive(purchase, purchase.but(hours=20))
    await bench.receive(purchase.but(hours=21))
    assert [said["hours"] for said in bench.of("enrollment_confirmed")] == [18]
    assert [reason for reason, _ in await bench.parked()] == ["conflict", "conflict"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_redeem_code_of_another_participant_is_parked(bench: Bench, person: str, at_once: bool) -> None:
    other, code = an_admission(), a_redeem_code()
    stolen = a_purchase(other.data["participant_id"], code)
    await bench.receive(other)
    await bench.receive(a_purchase(person, code), stolen, at_once=at_once)
    assert [said["participant_id"] for said in bench.of("enrollment_confirmed")] == [person]
    assert await bench.parked() == [("not_yours", "/redeem_code")]


async def test_a_purchase_before_its_participant_waits(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(), a_purchase(person))
    assert bench.words() == []
    await bench.receive(an_admission(person))
    assert bench.words() == ["participant_admitted", "enrollment_confirmed"]


async def test_a_purchase_of_somebody_nobody_ever_admits_is_parked_when_its_time_is_up(bench: Bench) -> None:
    await bench.receive(a_wave(), a_purchase(a_participant_id()))
    bench.now += WAIT_AT_MOST
    await bench.sweep()
    assert await bench.parked() == [("wait_expired", "")]


async def test_a_purchase_of_somebody_refused_is_rejected(bench: Bench) -> None:
    person = a_participant_id()
    await bench.receive(a_wave(), a_purchase(person), an_admission(person, birth_date=date(2012, 1, 1)))
    assert bench.words() == ["participant_refused", "enrollment_rejected"]
    assert bench.of("enrollment_rejected")[0]["reason"] == "not_admitted"
    assert bench.of("enrollment_rejected")[0]["wave"] is None


async def test_a_late_first_purchase_is_rejected_once_everything_sent_has_been_read(bench: Bench, person: str) -> None:
    await bench.receive(a_purchase(person, purchased_at=ADMITTED_AT + 16 * DAY))
    await bench.sweep(read_through=bench.now - timedelta(seconds=1))
    assert bench.words() == []
    bench.now += timedelta(seconds=5)
    await bench.sweep()
    assert bench.reasons() == ["first_purchase_late"]
    assert await bench.breaches() == []


async def test_a_purchase_that_looked_late_counts_when_the_one_before_turns_up(bench: Bench, person: str) -> None:
    first, late = a_purchase(person), a_purchase(person, purchased_at=ADMITTED_AT + 17 * DAY)
    await bench.receive(late)
    await bench.receive(first)
    await bench.receive(*done(first))
    await bench.sweep()
    assert [said["redeem_code"] for said in bench.of("enrollment_confirmed")] == [
        first.data["redeem_code"],
        late.data["redeem_code"],
    ]


async def test_the_next_training_waits_until_the_previous_one_is_completed_and_rated(bench: Bench, person: str) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    completion, rating = done(first)
    await bench.receive(first, following, following.again())
    assert len(bench.said) == 1
    await bench.receive(rating)
    assert len(bench.said) == 1
    await bench.receive(completion, completion.again())
    assert bench.words() == ["enrollment_confirmed"] * 2
    assert await bench.breaches() == []


async def test_the_next_training_is_rejected_when_nothing_was_heard_of_the_previous_one(
    bench: Bench, person: str
) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    await bench.receive(first, following)
    bench.now += WAIT_AT_MOST
    await bench.sweep(read_through=bench.now - timedelta(seconds=1))
    assert bench.reasons() == []
    await bench.sweep()
    assert bench.reasons() == ["previous_not_completed"]
    await bench.receive(following.again(), *done(first))
    assert bench.words() == ["enrollment_confirmed", "enrollment_rejected"]


async def test_a_training_bought_while_another_goes_on_is_rejected_at_once(bench: Bench, person: str) -> None:
    first = a_purchase(person)
    meanwhile = a_purchase(person, purchased_at=ADMITTED_AT + timedelta(days=1, hours=5))
    await bench.receive(meanwhile, first)
    assert bench.reasons() == ["previous_not_completed"]
    assert [said["redeem_code"] for said in bench.of("enrollment_confirmed")] == [first.data["redeem_code"]]


async def test_a_next_purchase_after_its_deadline_is_late(bench: Bench, person: str) -> None:
    first = a_purchase(person)
    await bench.receive(first)
    await bench.receive(*done(first))
    await bench.receive(a_purchase(person, purchased_at=DONE_AT + 16 * DAY))
    bench.now += timedelta(seconds=5)
    await bench.sweep()
    assert bench.reasons() == ["next_purchase_late"]


async def test_trainings_together_cannot_cost_more_than_the_balance(bench: Bench, person: str) -> None:
    first = a_purchase(person)
    dear = a_purchase(person, purchased_at=NEXT_AT, price={"value": 2_000_001, "currency": "IDR"})
    affordable = a_purchase(person, purchased_at=NEXT_AT, price={"value": 2_000_000, "currency": "IDR"})
    await bench.receive(first)
    await bench.receive(*done(first))
    await bench.receive(dear, affordable)
    assert bench.reasons() == ["balance_insufficient"]
    assert len(bench.of("enrollment_confirmed")) == 2
    assert await bench.breaches() == []


async def test_a_completion_heard_of_before_its_enrollment_waits_for_it(bench: Bench, person: str) -> None:
    first, following = a_purchase(person), a_purchase(person, purchased_at=NEXT_AT)
    await bench.receive(*done(first))
    await bench.receive(first)
    await bench.receive(following)
    assert bench.words() == ["enrollment_confirmed"] * 2
    assert await bench.rows("waiting") == 0


async def test_what_began_to_wait_in_a_batch_is_taken_up_by_what_the_same_batch_wakes(bench: Bench) -> None:
    admission = an_admission()
    first = a_purchase(admission.data["participant_id"])
    await bench.receive(a_wave(), first)
    await bench.receive(admission, *done(first))
    assert await bench.rows("waiting") == 0
    assert await bench.connection.fetchval("select completed_at = rated_at from enrollment")


async def test_what_was_said_before_a_restore_keeps_its_redeem_code(bench: Bench, person: str) -> None:
    purchase = a_purchase(person)
    await bench.receive(purchase)
    said = bench.said[0]
    await bench.empty()
    await bench.adopt(said)
    other = an_admission()
    thief = a_purchase(other.data["participant_id"], purchase.data["redeem_code"])
    await bench.receive(a_wave(), other, thief, an_admission(person), purchase)
    confirmed = await bench.connection.fetch("select participant_id from enrollment where state = 'confirmed'")
    assert [row["participant_id"] for row in confirmed] == [person]
    assert await bench.parked() == [("not_yours", "/redeem_code")]


async def test_a_decided_enrollment_cannot_be_changed(bench: Bench, person: str) -> None:
    await bench.receive(a_purchase(person))
    with pytest.raises(Exception, match="final"):
        await bench.connection.execute("update enrollment set price = 1")


async def test_a_self_paced_training_is_attended_anywhere_in_its_span(bench: Bench, person: str) -> None:
    span = sessions(ADMITTED_AT + 2 * DAY, "self_paced")
    await bench.receive(a_purchase(person, mode="self_paced", sessions=span))
    (said,) = bench.of("enrollment_confirmed")
    assert said["whole_span"] is True
    assert said["sessions"][0]["ends_at"] == span[0]["ends_at"]
