"""Incentive of a participant: falls due once, with the first training that is completed and rated."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import permutations

import asyncpg
import pytest

from services.payment.handlers import cancellations
from tests.builders import Event
from tests.integration.payment.facts import (
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    completed,
    confirmed,
    linked,
    rated,
    revoked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness

A, B = "PRAT000000AA", "PRAT000000BB"
DEARER = 700_000


def day(number: int) -> datetime:
    return COMPLETED_AT + timedelta(days=number)


def done(code: str, *, completed_on: int, rated_on: int) -> list[Event]:
    return [completed(code=code, at=day(completed_on)), rated(code=code, at=day(rated_on))]


async def enroll(harness: PaymentHarness) -> None:
    """Enroll into two trainings, of which B promises more, with a linked account."""
    await harness.prepare()
    await harness.receive(linked(), confirmed(code=A), confirmed(code=B, incentive=DEARER))


async def granted(harness: PaymentHarness) -> dict[str, str]:
    """Return redeem code -> state of each incentive."""
    rows = await harness.connection.fetch("select redeem_code, state from disbursement where benefit = 'incentive_1'")
    return {row["redeem_code"]: row["state"] for row in rows}


async def test_unrated_training_does_not_block_the_incentive_of_another(
    harness: PaymentHarness,
) -> None:
    """The unrated one is completed later and delivered first."""
    await enroll(harness)
    await harness.receive(completed(code=B, at=day(5)))
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    assert await granted(harness) == {A: "instructed"}
    assert [instructed.benefit for instructed in harness.instructions] == ["fee", "fee", "incentive"]


async def test_only_the_first_completed_and_rated_training_earns_the_incentive(harness: PaymentHarness) -> None:
    await enroll(harness)
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    await harness.receive(*done(B, completed_on=2, rated_on=3))
    assert await granted(harness) == {A: "instructed"}
    assert sorted(instructed.benefit for instructed in harness.instructions) == ["fee", "fee", "incentive"]


@pytest.mark.parametrize(
    ("of_a", "of_b", "first"),
    [((0, 9), (2, 8), B), ((9, 0), (8, 2), B), ((0, 9), (8, 9), A), ((3, 5), (5, 4), A), ((5, 4), (3, 5), A)],
)
@pytest.mark.parametrize("order", list(permutations(range(4)))[::9])
async def test_times_of_events_decide_within_a_batch_not_their_order(
    harness: PaymentHarness, of_a: tuple[int, int], of_b: tuple[int, int], first: str, order: Sequence[int]
) -> None:
    await enroll(harness)
    events = [
        *done(A, completed_on=of_a[0], rated_on=of_a[1]),
        *done(B, completed_on=of_b[0], rated_on=of_b[1]),
    ]
    await harness.receive(*(events[number] for number in order), *events)
    assert await granted(harness) == {first: "instructed"}
    assert harness.instructions_for("incentive")[0].amount == (INCENTIVE if first == A else DEARER)


async def test_trainings_compete_once_the_last_milestone_of_each_has_come(
    harness: PaymentHarness,
) -> None:
    await enroll(harness)
    await harness.receive(rated(code=A, at=day(4)), completed(code=B, at=day(2)))
    await harness.receive(rated(code=B, at=day(5)), completed(code=A, at=day(3)))
    assert await granted(harness) == {A: "instructed"}


@pytest.mark.parametrize("with_account", [True, False])
async def test_incentive_stays_with_its_training_when_an_earlier_one_comes_later(
    harness: PaymentHarness, with_account: bool
) -> None:
    await harness.prepare()
    await harness.receive(confirmed(code=A), confirmed(code=B, incentive=DEARER), *([linked()] if with_account else []))
    await harness.receive(*done(B, completed_on=5, rated_on=6))
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    assert await granted(harness) == {B: "instructed" if with_account else "held"}
    await harness.receive(linked(day=1), *done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6))
    assert [instructed.amount for instructed in harness.instructions_for("incentive")] == [DEARER]


@pytest.mark.parametrize("end", [("settled", None), ("rejected", "AC04"), ("rejected", "LEGL")])
async def test_an_incentive_once_instructed_is_used_up_however_it_ended(
    harness: PaymentHarness, end: tuple[str, str | None]
) -> None:
    await enroll(harness)
    await harness.receive(*done(B, completed_on=5, rated_on=6))
    await harness.report(harness.instructions_for("incentive")[0].reference, *end)
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    await harness.sweep()
    assert list(await granted(harness)) == [B]
    assert len(harness.instructions_for("incentive")) == 1


async def test_deferred_milestones_earn_one_incentive(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), *done(B, completed_on=5, rated_on=6), *done(A, completed_on=0, rated_on=1))
    await harness.receive(confirmed(code=B), confirmed(code=A))
    assert await granted(harness) == {A: "instructed"}


async def test_training_without_enrollment_leaves_the_incentive_to_another(
    harness: PaymentHarness,
) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(code=B))
    await harness.receive(*done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6))
    await harness.receive(confirmed(code=A))
    assert await granted(harness) == {B: "instructed"}
    assert sorted(instructed.benefit for instructed in harness.instructions) == ["fee", "fee", "incentive"]


@pytest.mark.parametrize("annul", [voided, revoked])
async def test_incentive_cancelled_before_instruction_falls_due_again(
    harness: PaymentHarness, annul: Callable[..., Event]
) -> None:
    await harness.prepare()
    await harness.receive(confirmed(code=A), confirmed(code=B), *done(A, completed_on=0, rated_on=1))
    await harness.receive(annul(code=A))
    assert await granted(harness) == {A: "cancelled"}
    await harness.receive(*done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6), linked())
    assert await granted(harness) == {A: "cancelled", B: "instructed"}


async def test_cancelled_incentive_falls_due_with_a_training_rated_already(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(code=A), confirmed(code=B))
    await harness.receive(*done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6))
    assert await granted(harness) == {A: "held"}
    await harness.receive(voided(code=A), linked())
    assert await granted(harness) == {A: "cancelled", B: "instructed"}


async def test_incentive_cancelled_after_instruction_is_used_up(harness: PaymentHarness) -> None:
    await enroll(harness)
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await harness.receive(voided(code=A), *done(B, completed_on=5, rated_on=6))
    await harness.sweep()
    assert await granted(harness) == {A: "cancelled"}


async def test_incentive_goes_to_another_training_when_one_is_annulled_early(harness: PaymentHarness) -> None:
    await enroll(harness)
    await harness.receive(voided(code=A), *done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6))
    assert await granted(harness) == {B: "instructed"}
    assert [instructed.amount for instructed in harness.instructions_for("fee")] == [FEE]


async def test_incentive_left_ungranted_by_a_cancellation_is_named(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        pass

    await harness.prepare()
    await harness.receive(confirmed(code=A), confirmed(code=B))
    await harness.receive(*done(A, completed_on=0, rated_on=1), *done(B, completed_on=5, rated_on=6))
    with monkeypatch.context() as broken:
        broken.setattr(cancellations, "_grant_again", nothing)
        await harness.receive(voided(code=A))
    assert await harness.breaches() == [f"participant {PARTICIPANT}: {B} incentive_1 is earned and has no disbursement"]
    await harness.receive(voided(code=B))


COPY = (
    "insert into disbursement (redeem_code, benefit, participant_id, provider_id, lane, wave, component, payee, amount,"
    " due_at, state, reason, attempt, tried_version, changed_at)"
    " select $1, benefit, participant_id, provider_id, lane, wave, component, payee, amount,"
    " due_at, 'held', 'no_account', 0, 0, changed_at from disbursement where benefit = 'incentive_1'"
)


async def test_database_refuses_a_second_incentive(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(code=A), confirmed(code=B), *done(A, completed_on=0, rated_on=1))
    with pytest.raises(asyncpg.UniqueViolationError):
        await harness.connection.execute(COPY, B)


async def test_database_refuses_second_incentive_after_an_instructed_one(
    harness: PaymentHarness,
) -> None:
    await enroll(harness)
    await harness.receive(*done(A, completed_on=0, rated_on=1))
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await harness.receive(voided(code=A))
    with pytest.raises(asyncpg.UniqueViolationError):
        await harness.connection.execute(COPY, B)
