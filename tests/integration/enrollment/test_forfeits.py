"""Forfeits of balances, on a real database, and after a restore."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations, takewhile
from typing import Any

import pytest

from deploy.local.roles import owner_of
from services.enrollment import timers
from shared.postgres.migrations import migrate, migrations_of
from shared.postgres.session import connect
from shared.times import write_time
from tests.builders import ADMITTED_AT, LATER, Event, a_purchase, a_void, a_wave, an_admission
from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.harness import WAIT_AT_MOST, EnrollmentHarness, completed, create_harness, rated

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
# Admitted at 10:00 on 21 February in Jakarta: the fifteenth day ends on 8 March, 17:00 UTC.
FIRST_MIDNIGHT = datetime(2023, 3, 8, 17, tzinfo=UTC)
COMPLETED_AT = ADMITTED_AT + 4 * DAY
NEXT_MIDNIGHT = FIRST_MIDNIGHT + 4 * DAY
CUT_OFF = datetime(2023, 12, 31, 17, tzinfo=UTC)


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to wave 48 at the time of the admission."""
    harness.now = ADMITTED_AT
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


async def sweep_at(harness: EnrollmentHarness, now: datetime) -> None:
    harness.now = now
    await harness.sweep()


async def complete(harness: EnrollmentHarness, purchase: Event, at: datetime = COMPLETED_AT) -> None:
    person, code = purchase.data["participant_id"], purchase.data["redeem_code"]
    await harness.receive(completed(person, code, at), rated(person, code, at))


def forfeits(harness: EnrollmentHarness) -> list[tuple[int, str, str]]:
    """Return (amount, reason, forfeited at) of all that were announced."""
    return [
        (data["amount"]["value"], data["reason"], data["forfeited_at"]) for data in harness.data_of("balance_forfeited")
    ]


def announced(amount: int, reason: str, falls_at: datetime) -> tuple[int, str, str]:
    return amount, reason, write_time(falls_at)


async def trail(harness: EnrollmentHarness, person: str) -> dict[str, Any]:
    found: dict[str, Any] = await harness.definition.audit_trail(harness.connection, person)
    return found


async def test_reopened_training_leaves_time_to_buy_the_next_one(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    code, reopened_at = first.data["redeem_code"], COMPLETED_AT + 70 * DAY
    harness.now = COMPLETED_AT
    await harness.receive(first)
    harness.now = reopened_at
    await harness.receive(completed(person, code, COMPLETED_AT, reopened_at), rated(person, code, COMPLETED_AT))
    await sweep_at(harness, NEXT_MIDNIGHT + 70 * DAY - SECOND)
    assert forfeits(harness) == []
    await sweep_at(harness, NEXT_MIDNIGHT + 70 * DAY)
    expected = [announced(2_000_000, "next_purchase_late", NEXT_MIDNIGHT + 70 * DAY)]
    assert forfeits(harness) == expected
    assert await harness.breaches() == []


async def test_balance_is_forfeited_once_at_the_midnight_of_the_deadline(
    harness: EnrollmentHarness, person: str
) -> None:
    await sweep_at(harness, FIRST_MIDNIGHT - SECOND)
    assert harness.announced == []
    await sweep_at(harness, FIRST_MIDNIGHT)
    await sweep_at(harness, CUT_OFF + DAY)
    assert harness.announced == [
        (
            "balance_forfeited",
            {
                "participant_id": person,
                "wave": "48",
                "amount": {"value": 3_500_000, "currency": "IDR"},
                "reason": "first_purchase_late",
                "forfeited_at": "2023-03-08T17:00:00Z",
            },
        )
    ]
    found = await trail(harness, person)
    assert found["balance_left"] == 0
    step = found["decisions"][-1]
    assert (step["decision"], step["rule"]) == ("balance_forfeited", "forfeit.first_purchase_late")
    assert step["carried_by"].startswith("enrollment.events/")
    assert (await harness.rows("purchase_deadline"), await harness.breaches()) == (0, [])


async def test_nothing_is_forfeited_before_late_purchases_had_time_to_come(harness: EnrollmentHarness) -> None:
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    await sweep_at(harness, LATER + WAIT_AT_MOST - SECOND)
    purchase = a_purchase(str(admission.data["participant_id"]), purchased_at=FIRST_MIDNIGHT - SECOND)
    await harness.receive(purchase)
    await sweep_at(harness, LATER + WAIT_AT_MOST)
    assert harness.event_names() == ["participant_admitted", "enrollment_confirmed"]


@pytest.mark.usefixtures("person")
async def test_nothing_is_forfeited_while_older_records_are_unread(harness: EnrollmentHarness) -> None:
    harness.now = FIRST_MIDNIGHT + DAY
    await harness.sweep(read_through=FIRST_MIDNIGHT - SECOND)
    assert forfeits(harness) == []


async def test_rest_is_forfeited_when_nothing_follows_a_completion(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    harness.now = COMPLETED_AT
    await harness.receive(purchase)
    await complete(harness, purchase)
    await sweep_at(harness, NEXT_MIDNIGHT - SECOND)
    assert forfeits(harness) == []
    await sweep_at(harness, NEXT_MIDNIGHT)
    assert forfeits(harness) == [announced(2_000_000, "next_purchase_late", NEXT_MIDNIGHT)]
    assert (await harness.rows("purchase_deadline"), await harness.breaches()) == (0, [])


async def test_deadline_runs_from_a_completion_after_the_first_deadline(
    harness: EnrollmentHarness, person: str
) -> None:
    purchase = a_purchase(person, purchased_at=ADMITTED_AT)
    await harness.receive(purchase)
    await sweep_at(harness, FIRST_MIDNIGHT + DAY)
    await complete(harness, purchase, FIRST_MIDNIGHT + DAY)
    await sweep_at(harness, FIRST_MIDNIGHT + 17 * DAY)
    assert forfeits(harness) == [announced(2_000_000, "next_purchase_late", FIRST_MIDNIGHT + 17 * DAY)]


async def test_cut_off_before_the_first_deadline_takes_the_balance(harness: EnrollmentHarness) -> None:
    harness.now = CUT_OFF - 3 * DAY
    times = {"opens_at": write_time(harness.now), "closes_at": write_time(CUT_OFF)}
    await harness.receive(a_wave(**times), an_admission(admitted_at=times["opens_at"]))
    await sweep_at(harness, CUT_OFF)
    assert forfeits(harness) == [announced(3_500_000, "cut_off", CUT_OFF)]


async def test_training_under_way_keeps_the_rest_until_the_cut_off(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_purchase(person, purchased_at=ADMITTED_AT))
    await sweep_at(harness, CUT_OFF - SECOND)
    assert forfeits(harness) == []
    assert await harness.breaches() == []
    await sweep_at(harness, CUT_OFF)
    assert forfeits(harness) == [announced(2_000_000, "cut_off", CUT_OFF)]
    assert await harness.breaches() == []


async def test_timely_purchase_read_after_the_forfeit_is_refused_as_late(
    harness: EnrollmentHarness, person: str
) -> None:
    await sweep_at(harness, FIRST_MIDNIGHT)
    await harness.receive(a_purchase(person, purchased_at=FIRST_MIDNIGHT - SECOND))
    assert harness.reasons() == ["first_purchase_late"] * 2
    assert harness.event_names() == ["balance_forfeited", "enrollment_rejected"]
    (refused,) = [one for one in (await trail(harness, person))["decisions"] if one["decision"] == "purchase_rejected"]
    assert refused["amounts"]["balance_before"] == 0


@pytest.mark.parametrize("early", [SECOND, 0 * SECOND])
async def test_purchase_read_after_the_cut_off_is_refused_as_late(
    harness: EnrollmentHarness, person: str, early: timedelta
) -> None:
    purchase = a_purchase(person, purchased_at=ADMITTED_AT)
    await harness.receive(purchase)
    harness.now = CUT_OFF
    await complete(harness, purchase, CUT_OFF - DAY)
    await harness.sweep()
    await harness.receive(a_purchase(person, purchased_at=CUT_OFF - early))
    await harness.sweep()
    assert forfeits(harness) == [announced(2_000_000, "cut_off", CUT_OFF)]
    assert harness.reasons() == ["cut_off", "next_purchase_late"]


async def test_undecided_purchase_postpones_the_forfeit(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    following = a_purchase(person, purchased_at=NEXT_MIDNIGHT - SECOND)
    harness.now = COMPLETED_AT
    await harness.receive(first)
    await harness.receive(completed(person, first.data["redeem_code"], COMPLETED_AT))
    harness.now = NEXT_MIDNIGHT - SECOND
    await harness.receive(following)
    await sweep_at(harness, NEXT_MIDNIGHT + WAIT_AT_MOST - 2 * SECOND)
    assert harness.event_names() == ["enrollment_confirmed"]
    await harness.receive(rated(person, first.data["redeem_code"], COMPLETED_AT))
    await sweep_at(harness, CUT_OFF)
    assert [data["redeem_code"] for data in harness.data_of("enrollment_confirmed")][1:] == [
        following.data["redeem_code"]
    ]
    assert forfeits(harness) == [announced(500_000, "cut_off", CUT_OFF)]


async def test_forfeit_follows_once_an_undecided_purchase_is_rejected(harness: EnrollmentHarness, person: str) -> None:
    first = a_purchase(person)
    harness.now = COMPLETED_AT
    await harness.receive(first)
    await harness.receive(completed(person, first.data["redeem_code"], COMPLETED_AT))
    harness.now = NEXT_MIDNIGHT - SECOND
    await harness.receive(a_purchase(person, purchased_at=NEXT_MIDNIGHT - SECOND))
    for _ in range(2):
        await sweep_at(harness, harness.now + WAIT_AT_MOST)
    assert harness.event_names() == ["enrollment_confirmed", "enrollment_rejected", "balance_forfeited"]
    assert forfeits(harness) == [announced(2_000_000, "next_purchase_late", NEXT_MIDNIGHT)]


async def test_void_after_a_forfeit_gives_its_price_back_for_a_while(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person)
    harness.now = COMPLETED_AT
    await harness.receive(purchase)
    await complete(harness, purchase)
    voided_at = NEXT_MIDNIGHT + DAY
    await sweep_at(harness, voided_at)
    await harness.receive(a_void(purchase, voided_at))
    assert (await trail(harness, person))["balance_left"] == 1_500_000
    dear = a_purchase(person, purchased_at=voided_at, price={"value": 1_500_001, "currency": "IDR"})
    cheap = a_purchase(person, purchased_at=voided_at, price={"value": 1_000_000, "currency": "IDR"})
    await harness.receive(dear)
    await harness.receive(cheap)
    assert harness.data_of("enrollment_rejected")[0]["reason"] == "balance_insufficient"
    harness.now += 5 * DAY
    await harness.receive(a_void(cheap, harness.now))
    last = NEXT_MIDNIGHT + 21 * DAY + 1 * DAY
    await sweep_at(harness, last - SECOND - DAY)
    assert len(forfeits(harness)) == 1
    await sweep_at(harness, last)
    assert forfeits(harness)[1:] == [announced(1_500_000, "first_purchase_late", last)]
    assert (await trail(harness, person))["balance_left"] == 0
    assert await harness.breaches() == []


async def test_what_a_void_gives_back_after_the_cut_off_is_forfeited(harness: EnrollmentHarness, person: str) -> None:
    purchase = a_purchase(person, purchased_at=ADMITTED_AT)
    await harness.receive(purchase)
    await sweep_at(harness, CUT_OFF + DAY)
    await harness.receive(a_void(purchase, CUT_OFF + DAY))
    await sweep_at(harness, CUT_OFF + DAY + WAIT_AT_MOST)
    assert forfeits(harness) == [
        announced(2_000_000, "cut_off", CUT_OFF),
        announced(1_500_000, "cut_off", CUT_OFF + DAY),
    ]
    assert await harness.breaches() == []


async def test_wave_without_cut_off_keeps_the_rest_while_a_training_runs(harness: EnrollmentHarness) -> None:
    admission = an_admission(admitted_at=write_time(CUT_OFF + DAY))
    harness.now = CUT_OFF + DAY
    await harness.receive(a_wave(opens_at=write_time(CUT_OFF), closes_at=write_time(CUT_OFF + DAY)), admission)
    await harness.receive(a_purchase(str(admission.data["participant_id"]), purchased_at=harness.now))
    await sweep_at(harness, CUT_OFF + 400 * DAY)
    assert (forfeits(harness), await harness.rows("purchase_deadline")) == ([], 0)
    assert await harness.breaches() == []


async def test_many_balances_are_forfeited_in_portions(
    harness: EnrollmentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PORTION", 3)
    harness.now = ADMITTED_AT
    people = [an_admission() for _ in range(20)]
    await harness.receive(a_wave(), *people)
    await sweep_at(harness, FIRST_MIDNIGHT)
    assert sorted(data["participant_id"] for data in harness.data_of("balance_forfeited")) == sorted(
        one.data["participant_id"] for one in people
    )
    assert (await harness.rows("purchase_deadline"), await harness.breaches()) == (0, [])


@pytest.mark.usefixtures("person")
async def test_a_forfeit_cannot_be_changed(harness: EnrollmentHarness) -> None:
    await sweep_at(harness, FIRST_MIDNIGHT)
    for change in ("update forfeit set amount = 1", "delete from forfeit"):
        with pytest.raises(Exception, match="final"):
            await harness.connection.execute(change)


async def test_announced_forfeit_stands_in_any_reading_order(
    harness: EnrollmentHarness, restored: EnrollmentHarness
) -> None:
    wave, admission = a_wave(), an_admission()
    person = str(admission.data["participant_id"])
    purchase, at = a_purchase(person), COMPLETED_AT
    timely = a_purchase(person, purchased_at=NEXT_MIDNIGHT - DAY)
    done = completed(person, purchase.data["redeem_code"], at), rated(person, purchase.data["redeem_code"], at)
    harness.now = COMPLETED_AT
    await harness.receive(wave, admission, purchase)
    await harness.receive(*done)
    await sweep_at(harness, NEXT_MIDNIGHT)
    assert forfeits(harness) == [announced(2_000_000, "next_purchase_late", NEXT_MIDNIGHT)]
    for order in permutations([admission, purchase, timely, done[0], done[1]]):
        await restored.reset()
        restored.now = NEXT_MIDNIGHT
        await restored.adopt(*harness.announced)
        await restored.receive(wave, *order, at_once=False)
        await sweep_at(restored, CUT_OFF + DAY)
        assert restored.event_names() == ["enrollment_rejected"]
        assert restored.reasons() == ["next_purchase_late"]
        assert await restored.breaches() == []
        assert (await restored.rows("remembered"), await restored.rows("waiting")) == (0, 0)


async def test_repeat_of_an_adopted_void_schedules_its_deadline(
    harness: EnrollmentHarness, restored: EnrollmentHarness
) -> None:
    wave, admission = a_wave(), an_admission()
    purchase = a_purchase(
        str(admission.data["participant_id"]), price={"value": 3_500_000, "currency": "IDR"}, purchased_at=ADMITTED_AT
    )
    void = a_void(purchase, ADMITTED_AT + DAY)
    harness.now = restored.now = ADMITTED_AT + DAY
    await harness.receive(wave, admission, purchase)
    await harness.receive(void)
    await restored.receive(wave, admission, purchase)
    await restored.connection.execute("delete from purchase_deadline")
    await restored.adopt(*(event for event in harness.announced if event[0] == "enrollment_voided"))
    await restored.receive(void)
    await sweep_at(restored, FIRST_MIDNIGHT + DAY)
    assert forfeits(restored) == [announced(3_500_000, "first_purchase_late", FIRST_MIDNIGHT + DAY)]
    assert await restored.breaches() == []


async def test_balances_from_before_forfeits_get_a_deadline(empty_database: Database) -> None:
    url = empty_database.url_of(owner_of("enrollment"))
    before = takewhile(lambda one: one.name != "forfeits", migrations_of("services.enrollment"))
    await migrate(url, list(before))
    connection = await connect(url, "then")
    await connection.execute(
        "insert into admission (participant_id, wave, lane, state, scheme, scheme_version, balance, regency,"
        " admitted_at, decided_at, identity_index, content_digest)"
        " select number::text, '48', number % 2, 'admitted', 'normal-2023', 2, 1, '3273', $1, $1, '', ''"
        " from generate_series(1, 2500) as number",
        ADMITTED_AT,
    )
    await connection.close()
    await migrate(url, migrations_of("services.enrollment"))
    connection = await connect(url, "now")
    rows = await connection.fetch("select due_at, lane, participant_ids from purchase_deadline")
    await connection.close()
    assert {row["due_at"] for row in rows} == {ADMITTED_AT + DAY}
    assert sorted(int(one) for row in rows for one in row["participant_ids"]) == list(range(1, 2501))
    assert all(int(one) % 2 == row["lane"] for row in rows for one in row["participant_ids"])
    assert max(len(row["participant_ids"]) for row in rows) <= 1000
