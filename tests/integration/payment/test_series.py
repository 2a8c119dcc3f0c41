"""Series: incentives after the first fall due by the clock, one by one, while training and first incentive stand."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.payment.ops import audit_trail
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, lane_of
from shared.times import write_time
from tests.builders import Event
from tests.infrastructure import PostgresServer
from tests.integration.payment.facts import (
    CODE,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    completed,
    confirmed,
    journey,
    linked,
    rated,
    revoked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, create_harness

# The last day of January in Jakarta, and of the month before in UTC.
RATED_AT = datetime(2024, 1, 30, 17, 30, tzinfo=UTC)
DUE = [
    datetime(2024, 2, 28, 17, 30, tzinfo=UTC),
    datetime(2024, 3, 30, 17, 30, tzinfo=UTC),
    datetime(2024, 4, 29, 17, 30, tzinfo=UTC),
]
MOMENT = timedelta(microseconds=1)
OTHER = "PRAT000000BB"
SERIES = ["incentive_1", "incentive_2", "incentive_3", "incentive_4"]


async def due(harness: PaymentHarness) -> list[str]:
    """Return the incentives that have fallen due."""
    rows = await harness.connection.fetch("select benefit from disbursement where benefit <> 'fee' order by benefit")
    return [row["benefit"] for row in rows]


async def sweep_at(harness: PaymentHarness, now: datetime, **options: Any) -> None:
    harness.now = now
    await harness.sweep("fall_due", **options)


@pytest.fixture
async def begun(harness: PaymentHarness) -> PaymentHarness:
    """Return a harness in which the first of four incentives has fallen due."""
    harness.now = RATED_AT + timedelta(minutes=1)
    await harness.prepare()
    await harness.receive(linked(), confirmed(months=3), completed(), rated(at=RATED_AT))
    return harness


async def test_incentives_fall_due_month_by_month_at_the_same_time_of_day(begun: PaymentHarness) -> None:
    for number, at in enumerate(DUE, start=1):
        await sweep_at(begun, at - MOMENT)
        assert await due(begun) == SERIES[:number]
        await sweep_at(begun, at)
        assert await due(begun) == SERIES[: number + 1]
    assert [instruction.amount for instruction in begun.instructions_for("incentive")] == [INCENTIVE] * 4
    assert await begun.connection.fetch("select from monthly_due") == []


async def test_incentive_waits_until_all_is_read_that_could_prevent_it(begun: PaymentHarness) -> None:
    await sweep_at(begun, DUE[0] + timedelta(days=1), read_through=DUE[0] - MOMENT)
    assert await due(begun) == SERIES[:1]
    (timer,) = (timer for timer in begun.definition.timers if timer.name == "fall_due")
    assert timer.prevented_by == (ENROLLMENT_EVENTS, COMPLETION_EVENTS)


async def test_months_count_from_the_rating_however_late_it_is_read(harness: PaymentHarness) -> None:
    harness.now = DUE[1] + timedelta(days=1)
    await harness.prepare()
    await harness.receive(linked(), confirmed(months=3), completed(), rated(at=RATED_AT))
    assert await due(harness) == SERIES[:1]
    await sweep_at(harness, harness.now)
    assert await due(harness) == SERIES[:3]
    paid = [data["benefit"] for name, data in harness.announced if name == "instructed" and data["benefit"] != "fee"]
    assert paid == SERIES[:3]


async def test_held_first_incentive_stands_and_so_does_its_series(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(months=1), completed(), rated())
    await harness.sweep("fall_due")
    assert (await harness.state("incentive_1"), await harness.state("incentive_2")) == (
        "held(no_account)",
        "held(no_account)",
    )
    await harness.receive(linked())
    assert len(harness.instructions_for("incentive")) == 2


async def test_second_training_adds_nothing_to_a_series(begun: PaymentHarness) -> None:
    await begun.receive(confirmed(code=OTHER, months=3), completed(code=OTHER), rated(code=OTHER, at=RATED_AT - MOMENT))
    await sweep_at(begun, DUE[2])
    rows = await begun.connection.fetch("select distinct redeem_code from disbursement where benefit <> 'fee'")
    assert ([row["redeem_code"] for row in rows], await due(begun)) == ([CODE], SERIES)


@pytest.mark.parametrize("annulled", [voided, revoked])
async def test_annulled_training_ends_its_series(begun: PaymentHarness, annulled: Callable[[], Event]) -> None:
    """The first incentive was instructed, so it is used up: another training does not begin a series."""
    await begun.receive(confirmed(code=OTHER, months=3), completed(code=OTHER), rated(code=OTHER, at=RATED_AT))
    await sweep_at(begun, DUE[0])
    begun.now = DUE[1]
    await begun.receive(annulled())
    await sweep_at(begun, DUE[2])
    assert await due(begun) == SERIES[:2]
    assert await begun.connection.fetch("select from monthly_due") == []


async def test_series_runs_anew_with_another_training_after_a_void(harness: PaymentHarness) -> None:
    """The first incentive and the second were held, and are cancelled; the other training was rated ten days later."""
    harness.now = DUE[0] + timedelta(days=11)
    await harness.prepare()
    later = RATED_AT + timedelta(days=10)
    await harness.receive(confirmed(months=3), completed(), rated(at=RATED_AT))
    await harness.receive(confirmed(code=OTHER, months=3), completed(code=OTHER), rated(code=OTHER, at=later))
    await harness.sweep("fall_due")
    assert await due(harness) == SERIES[:2]
    await harness.receive(voided(), linked())
    await sweep_at(harness, DUE[1])
    query = "select redeem_code, benefit, state from disbursement where benefit <> 'fee' order by redeem_code, benefit"
    assert [tuple(row) for row in await harness.connection.fetch(query)] == [
        (OTHER, "incentive_1", "instructed"),
        (OTHER, "incentive_2", "instructed"),
        (CODE, "incentive_1", "cancelled"),
        (CODE, "incentive_2", "cancelled"),
    ]
    await sweep_at(harness, DUE[1] + timedelta(days=10))
    assert await harness.state("incentive_3", OTHER) == "instructed"


async def test_what_is_to_come_is_shown_in_the_audit_trail(begun: PaymentHarness) -> None:
    await sweep_at(begun, DUE[0])
    trail: Any = await audit_trail(begun.context, begun.connection, PARTICIPANT)
    (enrollment,) = trail["enrollments"]
    assert enrollment["falls_due"] == {"incentive_3": write_time(DUE[1]), "incentive_4": write_time(DUE[2])}


async def test_benefits_stored_before_there_were_months_fall_due(harness: PaymentHarness) -> None:
    members = ("benefit", "amount", "payee", "milestone", "first_training_only")
    benefits = [("fee", FEE, "provider", "completed", False), ("incentive_1", INCENTIVE, "participant", "rated", True)]
    await harness.connection.execute(
        "insert into enrollment (redeem_code, participant_id, lane, wave, provider_id, benefits)"
        " values ($1, $2, $3, '48', 'LP0001', $4)",
        CODE,
        PARTICIPANT,
        lane_of(PARTICIPANT),
        json.dumps([dict(zip(members, benefit, strict=True)) for benefit in benefits]),
    )
    await harness.prepare()
    await harness.receive(*journey())
    assert await harness.parked() == []
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("instructed", "instructed")
    assert await harness.connection.fetch("select from monthly_due") == []


async def test_training_without_surveys_and_months_takes_no_statement_for_them(harness: PaymentHarness) -> None:
    await harness.prepare()
    statements: list[str] = []
    session: Any = harness.session.connection
    session.add_query_logger(lambda record: statements.append(record.query))
    await harness.receive(*journey())
    assert any("save_milestones" in one or "completion_noted_at" in one for one in statements)
    assert [one for one in statements if "survey_answer" in one or "monthly_due" in one] == []


@pytest.fixture
async def restored(begun: PaymentHarness, postgres: PostgresServer) -> AsyncIterator[PaymentHarness]:
    """Return a harness on an empty database that has adopted two incentives of the series."""
    await sweep_at(begun, DUE[0])
    empty = await postgres.lend("payment")
    after = await create_harness(empty)
    after.now = DUE[1] + timedelta(days=1)
    await after.adopt(begun.pages)
    await after.prepare()
    yield after
    assert await after.breaches() == []
    await after.connection.close()
    await postgres.take_back(empty)


async def test_restored_series_repeats_what_was_announced_and_goes_on(
    begun: PaymentHarness, restored: PaymentHarness
) -> None:
    await restored.receive(linked(), confirmed(months=3), completed(), rated(at=RATED_AT))
    await restored.sweep("fall_due")
    assert await due(restored) == SERIES[:3]
    assert restored.instructions_for("incentive")[:2] == begun.instructions_for("incentive")
    assert await restored.connection.fetch("select from remembered") == []


async def test_restored_incentive_is_repeated_though_its_training_is_annulled(
    begun: PaymentHarness, restored: PaymentHarness
) -> None:
    """An instruction of before goes on, and the rest of the series ends."""
    await restored.receive(linked(), confirmed(months=3), voided(), completed(), rated(at=RATED_AT))
    await restored.sweep("fall_due")
    assert await due(restored) == SERIES[:2]
    assert restored.instructions_for("incentive") == begun.instructions_for("incentive")
    assert await restored.connection.fetch("select from monthly_due where due_at <= $1", DUE[1]) == []
    assert await restored.connection.fetch("select from remembered") == []
    for benefit in ("fee", "incentive"):
        for instruction in restored.instructions_for(benefit):
            await restored.report(instruction.reference, "settled")


async def test_database_refuses_an_incentive_of_a_series_twice(begun: PaymentHarness) -> None:
    await sweep_at(begun, DUE[0])
    with pytest.raises(asyncpg.UniqueViolationError, match="one_of_each_benefit_per_participant"):
        await begun.connection.execute(
            "insert into disbursement (redeem_code, benefit, participant_id, provider_id, lane, wave, component, payee,"
            " amount, due_at, state, reason, attempt, tried_version, changed_at)"
            " select 'PRAT000000CC', benefit, participant_id, provider_id, lane, wave, component, payee, amount,"
            " due_at, 'held', 'no_account', 0, 0, changed_at from disbursement where benefit = 'incentive_2'"
        )


@pytest.mark.parametrize(
    ("harm", "breaches"),
    [
        (
            "delete from monthly_due where benefit = 'incentive_4'",
            [f"participant {PARTICIPANT}: {CODE} incentive_4 has not fallen due, and is not to fall due"],
        ),
        (
            "update monthly_due set due_at = '2024-01-01'",
            [f"{CODE} incentive_3 is overdue", f"{CODE} incentive_4 is overdue"],
        ),
        (
            "update disbursement set due_at = due_at - interval '1 microsecond' where benefit = 'incentive_2'",
            [f"{CODE} incentive_2 fell due before its month, or without the first incentive"],
        ),
    ],
)
async def test_lost_overdue_and_early_incentives_of_a_series_are_named(
    begun: PaymentHarness, harm: str, breaches: list[str]
) -> None:
    await sweep_at(begun, DUE[0])
    transaction = begun.connection.transaction()
    await transaction.start()
    await begun.connection.execute(harm)
    assert sorted(await begun.breaches()) == breaches
    await transaction.rollback()
