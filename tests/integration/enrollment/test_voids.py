"""Voids of purchases, on a real database, and after a restore."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import pytest

from tests.builders import ADMITTED_AT, LATER, Event, a_purchase, a_void, a_wave, an_admission
from tests.infrastructure import PostgresServer
from tests.integration.enrollment.harness import WAIT_AT_MOST, EnrollmentHarness, completed, create_harness, rated

DAY = timedelta(days=1)
VOIDED_AT = ADMITTED_AT + 2 * DAY
WHOLE_BALANCE = {"value": 3_500_000, "currency": "IDR"}


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to wave 48."""
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    harness.announced.clear()
    return str(admission.data["participant_id"])


@pytest.fixture
async def restored(postgres: PostgresServer) -> AsyncIterator[EnrollmentHarness]:
    """Open the service on an empty database, as after a restore."""
    empty = await postgres.lend("enrollment")
    harness = await create_harness(empty)
    yield harness
    await harness.connection.close()
    await postgres.take_back(empty)


async def states(harness: EnrollmentHarness) -> dict[str, str]:
    rows = await harness.connection.fetch("select redeem_code, state from enrollment")
    return {row["redeem_code"]: row["state"] for row in rows}


async def balance_left(harness: EnrollmentHarness, person: str) -> object:
    found = await harness.definition.audit_trail(harness.connection, person)
    assert found is not None
    return found["balance_left"]


def code(purchase: Event) -> str:
    return str(purchase.data["redeem_code"])


async def test_void_ends_an_enrollment_once_and_restores_the_balance(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    void = a_void(purchase, VOIDED_AT)
    await harness.receive(purchase)
    await harness.receive(void, void.with_new_id(), void.with_data(reason="again"))
    await harness.receive(a_void(purchase, LATER))
    (data,) = harness.data_of("enrollment_voided")
    assert data == {
        "participant_id": person,
        "redeem_code": code(purchase),
        "wave": "48",
        "reason": "class_cancelled",
        "voided_at": void.data["voided_at"],
    }
    assert await balance_left(harness, person) == 3_500_000
    assert await harness.parked() == []
    assert await harness.breaches() == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_void_and_purchase_in_any_order_void_the_enrollment(
    harness: EnrollmentHarness, person: str, at_once: bool
) -> None:
    purchase = a_purchase(person)
    await harness.receive(a_void(purchase, VOIDED_AT), purchase, at_once=at_once)
    assert harness.event_names() == ["enrollment_confirmed", "enrollment_voided"]
    assert await states(harness) == {code(purchase): "voided"}
    assert await harness.rows("waiting") == 0


async def test_void_of_a_completed_training_frees_its_price_too(harness: EnrollmentHarness, person: str) -> None:
    purchase, at = a_purchase(person), ADMITTED_AT + 4 * DAY
    await harness.receive(purchase)
    await harness.receive(completed(person, code(purchase), at), rated(person, code(purchase), at))
    await harness.receive(a_void(purchase, ADMITTED_AT + 5 * DAY))
    following = a_purchase(person, purchased_at=ADMITTED_AT + 6 * DAY, price=WHOLE_BALANCE)
    await harness.receive(following)
    assert await states(harness) == {code(purchase): "voided", code(following): "confirmed"}
    assert await harness.breaches() == []


async def test_completion_of_a_voided_training_is_noted(harness: EnrollmentHarness, person: str) -> None:
    purchase, at = a_purchase(person), ADMITTED_AT + 4 * DAY
    await harness.receive(purchase, a_void(purchase, VOIDED_AT))
    await harness.receive(completed(person, code(purchase), at))
    assert await harness.rows("waiting") == 0
    assert await harness.connection.fetchval("select completed_at from enrollment") == at


async def test_void_acts_on_an_undecided_purchase_once_it_is_confirmed(harness: EnrollmentHarness, person: str) -> None:
    first, late = a_purchase(person), a_purchase(person, purchased_at=ADMITTED_AT + 17 * DAY)
    await harness.receive(late, a_void(late, ADMITTED_AT + 18 * DAY))
    assert harness.event_names() == []
    await harness.receive(first)
    at = ADMITTED_AT + 4 * DAY
    await harness.receive(completed(person, code(first), at), rated(person, code(first), at))
    assert harness.event_names() == ["enrollment_confirmed", "enrollment_confirmed", "enrollment_voided"]
    assert await states(harness) == {code(first): "confirmed", code(late): "voided"}
    assert await harness.breaches() == []


@pytest.mark.parametrize("void_first", [True, False])
async def test_void_of_a_rejected_purchase_changes_nothing(
    harness: EnrollmentHarness, person: str, void_first: bool
) -> None:
    short = a_purchase(person, hours=1)
    void = a_void(short, VOIDED_AT)
    await harness.receive(*((void, short) if void_first else (short, void)), at_once=False)
    assert harness.event_names() == ["enrollment_rejected"]
    assert (await harness.parked(), await harness.rows("waiting")) == ([], 0)


async def test_void_of_another_participants_purchase_is_parked(harness: EnrollmentHarness, person: str) -> None:
    purchase, other = a_purchase(person), an_admission()
    await harness.receive(purchase, other)
    await harness.receive(a_void(purchase, VOIDED_AT, participant_id=other.data["participant_id"]))
    assert await harness.parked() == [("not_yours", "/redeem_code")]
    assert await states(harness) == {code(purchase): "confirmed"}


async def test_void_of_a_purchase_that_never_comes_expires(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_void(a_purchase(person), VOIDED_AT))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert await harness.parked() == [("wait_expired", "")]


async def test_void_time_ahead_of_the_clock_is_out_of_window(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_void(a_purchase(person), LATER + DAY))
    assert await harness.parked() == [("out_of_window", "/voided_at")]


async def test_purchase_of_an_ended_training_waits_until_a_void_is_read(
    harness: EnrollmentHarness, person: str
) -> None:
    first = a_purchase(person)
    following = a_purchase(person, purchased_at=VOIDED_AT + 10 * DAY)
    await harness.receive(first, following)
    await harness.receive(a_void(first, VOIDED_AT))
    assert await states(harness) == {code(first): "voided", code(following): "confirmed"}
    assert await harness.breaches() == []


async def test_purchase_from_before_a_void_is_judged_as_if_the_training_stood(
    harness: EnrollmentHarness, person: str
) -> None:
    first = a_purchase(person)
    meanwhile = a_purchase(person, purchased_at=VOIDED_AT - timedelta(seconds=1))
    await harness.receive(first, a_void(first, VOIDED_AT))
    await harness.receive(meanwhile)
    assert harness.reasons()[1:] == ["previous_not_completed"]


async def test_a_voided_enrollment_cannot_be_changed(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    await harness.receive(purchase, a_void(purchase, VOIDED_AT))
    for change in ("state = 'confirmed', voided_at = null, void_reason = null", "void_reason = 'other'"):
        with pytest.raises(Exception, match="final"):
            await harness.connection.execute(f"update enrollment set {change}")


async def test_only_a_confirmed_enrollment_can_be_voided(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_purchase(person, purchased_at=ADMITTED_AT + 17 * DAY))
    change = "state = 'voided', reason = null, due_at = null, purchase = null, voided_at = now(), void_reason = 'x'"
    with pytest.raises(Exception, match="final"):
        await harness.connection.execute(f"update enrollment set {change}")


async def test_announced_void_stands_in_any_reading_order(
    harness: EnrollmentHarness, restored: EnrollmentHarness
) -> None:
    wave, admission = a_wave(), an_admission()
    person = str(admission.data["participant_id"])
    first = a_purchase(person)
    void = a_void(first, VOIDED_AT)
    following = a_purchase(person, purchased_at=VOIDED_AT, price=WHOLE_BALANCE)
    await harness.receive(wave, admission, first, void)
    for order in permutations([admission, first, void, following]):
        await restored.reset()
        await restored.adopt(*harness.announced)
        await restored.receive(wave, *order, at_once=False)
        assert await states(restored) == {code(first): "voided", code(following): "confirmed"}
        assert restored.event_names() == ["enrollment_confirmed"]
        assert await restored.breaches() == []
        assert (await restored.rows("remembered"), await restored.rows("waiting")) == (0, 0)


async def test_announced_void_acts_on_what_the_backup_holds(
    harness: EnrollmentHarness, restored: EnrollmentHarness
) -> None:
    wave, admission = a_wave(), an_admission()
    person = str(admission.data["participant_id"])
    first = a_purchase(person)
    void = a_void(first, VOIDED_AT)
    following = a_purchase(person, purchased_at=VOIDED_AT + 10 * DAY)
    await harness.receive(wave, admission, first, void)
    await restored.receive(wave, admission, first, following)
    restored.announced.clear()
    await restored.adopt(*(event for event in harness.announced if event[0] == "enrollment_voided"))
    assert await states(restored) == {code(first): "voided", code(following): "undecided"}
    await restored.receive(void)
    assert await states(restored) == {code(first): "voided", code(following): "confirmed"}
    assert restored.event_names() == ["enrollment_confirmed"]
    assert (await restored.breaches(), await restored.rows("remembered")) == ([], 0)


async def test_void_before_a_purchase_that_stays_undecided_is_noted(harness: EnrollmentHarness, person: str) -> None:
    late = a_purchase(person, purchased_at=ADMITTED_AT + 17 * DAY)
    await harness.receive(a_void(late, ADMITTED_AT + 18 * DAY))
    await harness.receive(late)
    assert await harness.rows("waiting") == 0
    assert await states(harness) == {code(late): "undecided"}
    assert await harness.connection.fetchval("select voided_at from enrollment") == ADMITTED_AT + 18 * DAY
