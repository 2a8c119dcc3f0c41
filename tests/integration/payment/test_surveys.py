"""Surveys: each is paid once per participant, when it is answered and the training that it belongs to is completed."""

from itertools import permutations
from typing import Any

import asyncpg
import pytest

from services.payment.ops import audit_trail
from shared.times import write_time
from tests.builders import funds
from tests.infrastructure import PostgresServer
from tests.integration.payment.facts import (
    ANSWERED_AT,
    CODE,
    PARTICIPANT,
    SURVEY,
    answered,
    completed,
    confirmed,
    linked,
    rated,
)
from tests.integration.payment.harness import PaymentHarness, create_harness

OTHER = "PRAT000000BB"


async def due(harness: PaymentHarness) -> list[tuple[str, str]]:
    """Return redeem code and benefit of all that fell due to the participant."""
    rows = await harness.connection.fetch(
        "select redeem_code, benefit from disbursement where payee = 'participant' order by benefit"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_survey_falls_due_once_completed_and_answered_in_any_order(
    harness: PaymentHarness, order: tuple[int, ...]
) -> None:
    await harness.prepare(survey=10**9)
    await harness.receive(linked())
    events = [confirmed(surveys=2), completed(), answered(2)]
    for number in order:
        assert await due(harness) == []
        await harness.receive(events[number])
    assert await due(harness) == [(CODE, "survey_2")]
    await harness.receive(*events, rated(), answered(1), answered(2), answered(3))
    assert await due(harness) == [(CODE, "incentive_1"), (CODE, "survey_1"), (CODE, "survey_2")]


async def test_settled_survey_is_paid_from_its_own_component(harness: PaymentHarness) -> None:
    await harness.prepare(survey=SURVEY)
    await harness.receive(linked(), confirmed(surveys=2), completed(), answered(1))
    (instruction,) = harness.instructions_for("survey")
    assert instruction.amount == SURVEY
    await harness.report(instruction.reference, "settled")
    assert harness.event_names("survey_1") == ["scheduled", "instructed", "settled"]
    balances = [await harness.balance(account) for account in ("paid:survey", "reserved:survey", "paid:incentive")]
    assert balances == [SURVEY, 0, 0]


async def test_survey_without_appropriation_is_held_for_no_funds(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(surveys=1), completed(), answered(1))
    assert await harness.state("survey_1") == "held(no_funds)"
    await harness.receive(funds("48", "survey", rupiah=SURVEY))
    await harness.sweep()
    assert await harness.state("survey_1") == "instructed"


async def test_survey_is_not_paid_again_with_another_training(harness: PaymentHarness) -> None:
    """Completion announces each survey of a participant once; payment does not rely on it."""
    await harness.prepare(survey=10**9)
    await harness.receive(linked(), confirmed(surveys=1), confirmed(code=OTHER, surveys=1))
    await harness.receive(completed(), completed(code=OTHER), answered(1, code=OTHER))
    await harness.receive(answered(1))
    assert await due(harness) == [(OTHER, "survey_1")]


async def test_database_refuses_a_survey_of_the_same_participant_twice(harness: PaymentHarness) -> None:
    await harness.receive(confirmed(surveys=1), completed(), answered(1))
    with pytest.raises(asyncpg.UniqueViolationError, match="one_of_each_benefit_per_participant"):
        await harness.connection.execute(
            "insert into disbursement (redeem_code, benefit, participant_id, provider_id, lane, wave, component, payee,"
            " amount, due_at, state, reason, attempt, tried_version, changed_at)"
            " select $1, benefit, participant_id, provider_id, lane, wave, component, payee, amount, due_at, state,"
            " reason, 0, 0, changed_at from disbursement where benefit = 'survey_1'",
            OTHER,
        )


async def test_answer_is_shown_in_the_audit_trail(harness: PaymentHarness) -> None:
    await harness.receive(confirmed(surveys=1), answered(1))
    trail: Any = await audit_trail(harness.context, harness.connection, PARTICIPANT)
    (enrollment,) = trail["enrollments"]
    assert enrollment["survey_answers"] == {"survey_1": write_time(ANSWERED_AT)}


async def test_restored_survey_falls_due_with_its_announced_training(
    harness: PaymentHarness, postgres: PostgresServer
) -> None:
    await harness.prepare(survey=10**9)
    both = [linked(), confirmed(surveys=1), confirmed(code=OTHER, surveys=1)]
    await harness.receive(*both, completed(code=OTHER), answered(1, code=OTHER))
    empty = await postgres.lend("payment")
    after = await create_harness(empty)
    await after.adopt(harness.pages)
    await after.prepare(survey=10**9)
    await after.receive(*both, completed(), answered(1))
    assert await due(after) == []
    await after.receive(completed(code=OTHER), answered(1, code=OTHER))
    assert await due(after) == [(OTHER, "survey_1")]
    assert after.instructions_for("survey") == harness.instructions_for("survey")
    assert await after.connection.fetch("select from remembered") == []
    assert await after.breaches() == []
    await after.connection.close()
    await postgres.take_back(empty)


async def test_survey_that_is_answered_and_not_due_is_named(harness: PaymentHarness) -> None:
    await harness.receive(confirmed(surveys=2), completed(), answered(1))
    transaction = harness.connection.transaction()
    await transaction.start()
    await harness.connection.execute("insert into survey_answer values ($1, 'survey_2', $2)", CODE, ANSWERED_AT)
    assert await harness.breaches() == [f"participant {PARTICIPANT}: {CODE} survey_2 is earned and has no disbursement"]
    await transaction.rollback()
