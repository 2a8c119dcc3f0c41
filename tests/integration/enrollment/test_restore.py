"""Recovery after a restore: announced decisions stand, in whatever order their causes are read again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations

import pytest

from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    Event,
    a_nik,
    a_participant_id,
    a_purchase,
    a_redeem_code,
    a_wave,
    an_account,
    an_admission,
)
from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.harness import EnrollmentHarness, create_harness

UNCAUSED = "was announced before a restore, and no event read since is its cause"


@dataclass
class Restored:
    """The service before a restore, and after it on an empty database."""

    before: EnrollmentHarness
    after: EnrollmentHarness

    async def adopt(self) -> None:
        await self.after.adopt(*self.before.announced)


@pytest.fixture
async def restored(harness: EnrollmentHarness, postgres: PostgresServer) -> AsyncIterator[Restored]:
    empty: Database = await postgres.lend("enrollment")
    after = await create_harness(empty)
    yield Restored(harness, after)
    await after.connection.close()
    await postgres.take_back(empty)


def person(event: Event) -> str:
    return str(event.data["participant_id"])


async def admissions(harness: EnrollmentHarness) -> dict[str, str]:
    """Return `admitted` or the reason of the refusal, by participant."""
    rows = await harness.connection.fetch("select participant_id, coalesce(reason, state) as outcome from admission")
    return {row["participant_id"]: row["outcome"] for row in rows}


async def purchases(harness: EnrollmentHarness) -> dict[str, str]:
    """Return `confirmed` or the reason of the decision, by redeem code."""
    rows = await harness.connection.fetch("select redeem_code, coalesce(reason, state) as outcome from enrollment")
    return {row["redeem_code"]: row["outcome"] for row in rows}


async def test_announced_last_place_is_kept_in_any_reading_order(restored: Restored) -> None:
    wave, first, second, late = a_wave(quota=1), an_admission(), an_admission(), an_admission()
    await restored.before.receive(wave, first, second)
    after = restored.after
    for order in permutations([wave, first, second, late]):
        await after.reset()
        await restored.adopt()
        await after.receive(*order, at_once=False)
        await after.sweep()
        assert await admissions(after) == {
            person(first): "admitted",
            person(second): "wave_full",
            person(late): "wave_full",
        }
        assert [data["participant_id"] for _, data in after.announced] == [person(late)]
        assert await after.breaches() == []
        assert await after.rows("remembered") == 0


async def test_announced_place_is_kept_where_the_wave_is_known(restored: Restored) -> None:
    wave, first, late = a_wave(quota=1), an_admission(), an_admission()
    await restored.before.receive(wave, first)
    await restored.after.receive(wave)
    await restored.adopt()
    await restored.after.receive(late, first)
    assert await admissions(restored.after) == {person(first): "admitted", person(late): "wave_full"}
    assert await restored.after.breaches() == []


async def test_announced_refusal_stands_though_a_place_is_free_now(restored: Restored) -> None:
    wave, first, second = a_wave(quota=1), an_admission(), an_admission()
    await restored.before.receive(wave, first, second)
    refused = [(name, data) for name, data in restored.before.announced if name == "participant_refused"]
    await restored.after.adopt(*refused)
    await restored.after.receive(wave, second)
    assert await admissions(restored.after) == {person(second): "wave_full"}
    assert restored.after.announced == []


async def test_announced_refusal_releases_the_nik(restored: Restored) -> None:
    nik = "3273015204960001"
    wave, early = a_wave(), an_admission(nik=nik, admitted_at=write_time(ADMITTED_AT - timedelta(days=30)))
    other = an_admission(nik=nik)
    await restored.before.receive(wave, early)
    await restored.adopt()
    await restored.after.receive(wave, early, other)
    assert await admissions(restored.after) == {person(early): "wave_closed", person(other): "admitted"}
    assert await restored.after.breaches() == []


async def test_announced_admission_excludes_another_wave_read_first(restored: Restored) -> None:
    first = an_admission()
    other = an_admission(person(first), wave="49")
    await restored.before.receive(a_wave(), first)
    await restored.adopt()
    await restored.after.receive(a_wave(wave="49"), a_wave(), other)
    await restored.after.receive(first)
    assert restored.after.reasons() == ["nik_already_admitted"]
    assert await restored.after.breaches() == []


async def test_second_application_uses_up_no_other_nik(harness: EnrollmentHarness) -> None:
    # The NIK they were admitted under is not freed either, not even for the next one in the same batch.
    nik, other_nik = "3273015204960001", "3273015204960002"
    first = an_admission(nik=nik)
    await harness.receive(a_wave(), a_wave(wave="49"), a_wave(wave="50"), first)
    again = an_admission(person(first), wave="49", nik=nik)
    with_another = an_admission(person(first), wave="50", nik=other_nik)
    thief, owner = an_admission(nik=nik), an_admission(nik=other_nik)
    await harness.receive(again, with_another, thief, owner)
    assert harness.reasons() == ["nik_already_admitted"] * 3
    assert await harness.breaches() == []


async def test_other_content_than_announced_is_parked_in_any_reading_order(restored: Restored) -> None:
    wave, admission = a_wave(), an_admission()
    lie = admission.with_data(disability=True)
    purchase = a_purchase(person(admission))
    dearer = purchase.with_data(price={"value": 2_000_000, "currency": "IDR"})
    await restored.before.receive(wave, admission, purchase)
    await restored.adopt()
    await restored.after.receive(wave, lie, admission, dearer, purchase, at_once=False)
    assert await restored.after.parked() == [("conflict", "")] * 2
    assert restored.after.announced == []
    assert await restored.after.breaches() == []


async def test_announced_admission_overbooks_a_full_wave_and_verify_names_it(
    restored: Restored,
) -> None:
    wave, first, thief = a_wave(quota=1), an_admission(), an_admission()
    await restored.before.receive(wave, first)
    await restored.after.receive(wave, thief)
    await restored.adopt()
    await restored.after.receive(first)
    assert await admissions(restored.after) == {person(first): "admitted", person(thief): "admitted"}
    (breach,) = await restored.after.breaches()
    assert breach.startswith("wave 48: quota 1, admitted 2")


async def test_announced_admission_never_read_again_is_reported_by_verify(restored: Restored) -> None:
    admission = an_admission()
    await restored.before.receive(a_wave(), admission)
    await restored.adopt()
    assert f"{person(admission)}/48 {UNCAUSED}" in await restored.after.breaches()


async def test_announced_training_keeps_its_money_in_any_reading_order(restored: Restored) -> None:
    wave, admission = a_wave(), an_admission()
    dear = a_purchase(person(admission), price={"value": 2_500_000, "currency": "IDR"})
    other = a_purchase(person(admission), purchased_at=ADMITTED_AT + timedelta(hours=2))
    await restored.before.receive(wave, admission, dear)
    after = restored.after
    for order in permutations([dear, other, admission]):
        await after.reset()
        await restored.adopt()
        await after.receive(wave, *order, at_once=False)
        await after.sweep()
        outcomes = await purchases(after)
        assert outcomes == {dear.data["redeem_code"]: "confirmed", other.data["redeem_code"]: "balance_insufficient"}
        assert after.event_names() == ["enrollment_rejected"]
        assert await after.breaches() == []
        assert await after.rows("remembered") == 0


async def test_announced_rejection_stands_though_no_rule_rejects_it_now(restored: Restored) -> None:
    wave, admission = a_wave(), an_admission()
    dear = a_purchase(person(admission), price={"value": 2_500_000, "currency": "IDR"})
    second = a_purchase(person(admission), purchased_at=ADMITTED_AT + timedelta(days=2))
    await restored.before.receive(wave, admission, dear, second)
    rejected = [(name, data) for name, data in restored.before.announced if name == "enrollment_rejected"]
    await restored.after.adopt(*rejected)
    await restored.after.receive(wave, admission, second)
    assert await purchases(restored.after) == {second.data["redeem_code"]: "balance_insufficient"}
    assert "enrollment_rejected" not in restored.after.event_names()


async def test_purchase_undecided_in_the_backup_is_decided_as_announced(restored: Restored) -> None:
    wave, admission, code = a_wave(), an_admission(), a_redeem_code()
    late = a_purchase(person(admission), code, purchased_at=ADMITTED_AT + timedelta(days=20))
    await restored.before.receive(wave, admission, late)
    await restored.before.sweep()
    assert restored.before.reasons() == ["first_purchase_late"]
    await restored.after.receive(wave, admission, late)
    await restored.adopt()
    await restored.after.sweep()
    assert await purchases(restored.after) == {code: "first_purchase_late"}
    assert restored.after.event_names() == ["participant_admitted"]


async def test_purchase_is_deferred_until_its_announced_admission(restored: Restored) -> None:
    # The backup holds the refusal by an earlier wave.
    nobody = an_admission(admitted_at=write_time(ADMITTED_AT - timedelta(days=30)))
    admission = an_admission(person(nobody), wave="49")
    purchase = a_purchase(person(nobody))
    await restored.before.receive(a_wave(), a_wave(wave="49"), nobody)
    await restored.before.receive(admission)
    await restored.after.receive(a_wave(), a_wave(wave="49"), nobody)
    await restored.adopt()
    await restored.after.receive(purchase)
    assert await purchases(restored.after) == {}
    await restored.after.receive(admission)
    assert await purchases(restored.after) == {purchase.data["redeem_code"]: "confirmed"}


def linked(who: str, nik: str, hour: int) -> Event:
    return an_account(who, nik=nik, linked_at=write_time(ADMITTED_AT + timedelta(hours=hour)))


async def test_announced_account_is_not_emitted_again_in_any_reading_order(restored: Restored) -> None:
    who, nik = a_participant_id(), a_nik()
    admission, first, second, third = an_admission(who, nik=nik), *(linked(who, nik, hour) for hour in (1, 2, 3))
    await restored.before.receive(a_wave(), admission, first)
    await restored.before.receive(second)
    after = restored.after
    for order in permutations([admission, first, second]):
        await after.reset()
        await restored.adopt()
        await after.receive(a_wave(), *order, at_once=False)
        await after.sweep()
        assert after.announced == []
        assert await after.rows("remembered") == 0
        assert await after.breaches() == []
    await after.receive(third)
    assert after.event_names() == ["account_linked"]


async def test_kept_account_announced_before_is_not_emitted_again(restored: Restored) -> None:
    who, nik = a_participant_id(), a_nik()
    records = [a_wave(quota=1), a_wave("49"), an_admission(), an_admission(who, nik=nik), linked(who, nik, 1)]
    await restored.before.receive(*records, at_once=False)
    await restored.before.receive(an_admission(who, nik=nik, wave="49"))
    assert "account_linked" in restored.before.event_names()
    await restored.adopt()
    await restored.after.receive(*records, at_once=False)
    assert await restored.after.rows("remembered") == 2
    await restored.after.receive(an_admission(who, nik=nik, wave="49"))
    assert restored.after.announced == []
    assert await restored.after.rows("remembered") == 0
    assert await restored.after.breaches() == []


async def test_other_account_at_the_time_of_an_announced_one_is_parked(restored: Restored) -> None:
    who, nik = a_participant_id(), a_nik()
    admission, account = an_admission(who, nik=nik), linked(who, nik, 1)
    await restored.before.receive(a_wave(), admission, account)
    await restored.adopt()
    await restored.after.receive(a_wave(), admission, linked(who, nik, 1), account, at_once=False)
    assert await restored.after.parked() == [("conflict", "")]
    assert restored.after.announced == []
    assert await restored.after.breaches() == []
