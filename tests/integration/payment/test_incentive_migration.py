"""Migration of installations with an incentive per training: lost ones are granted, and none twice."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.contracts.topics import lane_of
from shared.postgres.migrations import migrate, migrations_of
from shared.postgres.session import connect
from tests.builders import LATER
from tests.infrastructure import Database
from tests.integration.payment.facts import COMPLETED_AT, FEE, INCENTIVE, completed, in_one_lane, linked, rated
from tests.integration.payment.harness import PaymentHarness, create_harness

LOST, LOST_TWICE, HELD, UNRATED, UNCOMPLETED = in_one_lane(5)
DEARER = 700_000
NOTED_AT = LATER - timedelta(days=30)


def day(number: int | None) -> object:
    return None if number is None else COMPLETED_AT + timedelta(days=number)


async def trained(
    connection: Connection,
    person: str,
    code: str,
    *,
    completed_on: int | None,
    rated_on: int | None,
    is_first: bool = False,
    incentive: int = INCENTIVE,
) -> None:
    """Insert a training as it was stored then, its fee held."""
    benefits = [
        ["fee", FEE, "provider", "completed", False],
        ["incentive_1", incentive, "participant", "rated", True],
    ]
    noted_at = None if completed_on is None else NOTED_AT
    await connection.execute(
        "insert into enrollment values ($1, $2, $3, '48', 'LP0001', $4, $5, $6, $7, $8)",
        code,
        person,
        lane_of(person),
        json.dumps(benefits),
        day(completed_on),
        noted_at,
        is_first,
        day(rated_on),
    )
    if completed_on is not None:
        await held(connection, person, code, "fee", FEE, "provider", "no_provider_account")


async def held(
    connection: Connection, person: str, code: str, benefit: str, amount: int, payee: str, reason: str
) -> None:
    await connection.execute(
        "insert into disbursement (redeem_code, benefit, participant_id, lane, wave, component, payee, provider_id,"
        " amount, due_at, state, reason, attempt, tried_version, changed_at)"
        " values ($1, $2, $3, $4, '48', $5, $6, 'LP0001', $7, $8, 'held', $9, 0, 0, $8)",
        code,
        benefit,
        person,
        lane_of(person),
        "training" if benefit == "fee" else "incentive",
        payee,
        amount,
        NOTED_AT,
        reason,
    )
    await connection.execute(
        "insert into tally values ($1, 'held', '', $2, $3, 1, $4) on conflict (lane, state, partner, benefit, reason)"
        " do update set disbursements = tally.disbursements + 1, rupiah = tally.rupiah + excluded.rupiah",
        lane_of(person),
        benefit,
        reason,
        amount,
    )


@pytest.fixture
async def upgraded(empty_database: Database) -> AsyncIterator[PaymentHarness]:
    """Apply the first migrations, insert rows, then apply all others."""
    url = empty_database.url_of(owner_of("payment"))
    first = [migration for migration in migrations_of("services.payment") if migration.number == 1]
    await migrate(url, first)
    connection = await connect(url, "old")
    await trained(connection, LOST, "LOST0000000B", completed_on=5, rated_on=None, is_first=True)
    await trained(connection, LOST, "LOST0000000A", completed_on=0, rated_on=1, incentive=DEARER)
    await trained(connection, LOST_TWICE, "TWICE000000C", completed_on=0, rated_on=None, is_first=True)
    await trained(connection, LOST_TWICE, "TWICE000000A", completed_on=1, rated_on=4)
    await trained(connection, LOST_TWICE, "TWICE000000B", completed_on=2, rated_on=3, incentive=DEARER)
    await trained(connection, HELD, "HELD0000000A", completed_on=1, rated_on=1, is_first=True)
    await trained(connection, HELD, "HELD0000000B", completed_on=0, rated_on=0)
    await held(connection, HELD, "HELD0000000A", "incentive_1", INCENTIVE, "participant", "no_account")
    await trained(connection, UNRATED, "UNRATED0000A", completed_on=0, rated_on=None, is_first=True)
    await trained(connection, UNCOMPLETED, "UNCOMPLETE0A", completed_on=None, rated_on=0)
    await connection.close()
    harness = await create_harness(empty_database)
    yield harness
    assert await harness.breaches() == []
    await harness.connection.close()


async def incentives(harness: PaymentHarness) -> dict[str, str]:
    rows = await harness.connection.fetch(
        "select redeem_code, amount || ' ' || state || coalesce(' ' || reason::text, '') as stands"
        " from disbursement where benefit = 'incentive_1'"
    )
    return {row["redeem_code"]: row["stands"] for row in rows}


async def test_lost_incentives_are_granted_with_the_training_that_earned_them(
    upgraded: PaymentHarness,
) -> None:
    assert await upgraded.breaches() == []
    await upgraded.prepare()
    await upgraded.receive(linked(LOST), linked(LOST_TWICE))
    await upgraded.sweep()
    assert await incentives(upgraded) == {
        "LOST0000000A": "700000 instructed",
        "TWICE000000B": "700000 instructed",
        "HELD0000000A": "600000 held no_account",
    }
    assert sorted(instructed.amount for instructed in upgraded.instructions_for("incentive")) == [DEARER, DEARER]


async def test_next_sweep_names_the_hold_reason_of_a_granted_incentive(upgraded: PaymentHarness) -> None:
    await upgraded.sweep()
    assert await incentives(upgraded) == {
        "LOST0000000A": "700000 held no_account",
        "TWICE000000B": "700000 held no_account",
        "HELD0000000A": "600000 held no_account",
    }
    await upgraded.receive(linked(LOST))
    assert (await incentives(upgraded))["LOST0000000A"] == "700000 held no_funds"
    await upgraded.prepare()
    await upgraded.sweep()
    assert (await incentives(upgraded))["LOST0000000A"] == "700000 instructed"


async def test_nothing_is_granted_twice_when_everything_is_delivered_again(upgraded: PaymentHarness) -> None:
    await upgraded.prepare()
    await upgraded.receive(*(linked(person) for person in (LOST, LOST_TWICE, HELD, UNRATED, UNCOMPLETED)))
    await upgraded.sweep()
    for person, codes in {
        LOST: ["LOST0000000B", "LOST0000000A"],
        LOST_TWICE: ["TWICE000000C", "TWICE000000A", "TWICE000000B"],
        HELD: ["HELD0000000B", "HELD0000000A"],
    }.items():
        await upgraded.receive(*(event for code in codes for event in (completed(person, code), rated(person, code))))
        await upgraded.sweep()
    assert sorted(instructed.amount for instructed in upgraded.instructions_for("incentive")) == [
        INCENTIVE,
        DEARER,
        DEARER,
    ]
    await upgraded.receive(rated(UNRATED, "UNRATED0000A"), completed(UNCOMPLETED, "UNCOMPLETE0A"))
    assert len(upgraded.instructions_for("incentive")) == 5
