"""Migration of installations made before disbursements were frozen: reviewable rejections are found."""

import json
from collections.abc import AsyncIterator

import pytest
from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.contracts.topics import lane_of
from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import operation_hash
from shared.messaging.transaction.lane import insert_rows
from shared.postgres.migrations import migrate, migrations_of
from shared.postgres.session import connect
from tests.builders import LATER
from tests.infrastructure import Database
from tests.integration.payment.facts import COMPLETED_AT, INCENTIVE, in_one_lane
from tests.integration.payment.harness import PaymentHarness, create_harness

LOOKED_AT, HIDDEN, CLOSED, APPROVED, UNAPPROVED, LET_GO = PEOPLE = in_one_lane(6)
LANE = lane_of(LOOKED_AT)


def code_of(person: str) -> str:
    return f"PRAT{person[-8:]}"


async def attempted(
    connection: Connection, person: str, reasons: list[str | None], held_for: str | None, *, approved: bool = False
) -> None:
    """Insert a disbursement as it was stored then, with an attempt for each reason; None: still at its partner."""
    code = code_of(person)
    benefits = json.dumps([["incentive_1", INCENTIVE, "participant", "rated", True]])
    await connection.execute(
        "insert into enrollment values ($1, $2, $3, '48', 'LP0001', $4, $5, $5, true, $5)",
        code, person, LANE, benefits, COMPLETED_AT,
    )  # fmt: skip
    for number, reason in enumerate(reasons, 1):
        await connection.execute(
            "insert into attempt (reference, lane, redeem_code, benefit, number, partner, amount, account,"
            " instructed_at, answer_by, rejected_at, reason)"
            " values ($1, $2, $3, 'incentive_1', $4, 'gopay', $5, 'sealed', $6, $6, $7, $8)",
            f"{code}-{number}", LANE, code, number, INCENTIVE, COMPLETED_AT, COMPLETED_AT if reason else None, reason,
        )  # fmt: skip
    await connection.execute(
        "insert into disbursement (redeem_code, benefit, participant_id, lane, wave, component, payee, provider_id,"
        " amount, due_at, state, reason, attempt, reference, partner, tried_version, approved, ask_at, changed_at)"
        " values ($1, 'incentive_1', $2, $3, '48', 'incentive', 'participant', 'LP0001', $4, $5, $6, $7, $8, $9,"
        " 'gopay', 1, $10, $11, $5)",
        code, person, LANE, INCENTIVE, COMPLETED_AT, "held" if held_for else "instructed", held_for, len(reasons),
        f"{code}-{len(reasons)}", approved, None if held_for else COMPLETED_AT,
    )  # fmt: skip


@pytest.fixture
async def upgraded(empty_database: Database) -> AsyncIterator[PaymentHarness]:
    """Apply the first migrations, insert rows, then apply all others."""
    url = empty_database.url_of(owner_of("payment"))
    await migrate(url, [migration for migration in migrations_of("services.payment") if migration.number == 1])
    connection = await connect(url, "then")
    await insert_rows(connection, ())
    await attempted(connection, LOOKED_AT, ["AM05"], "needs_approval")
    await attempted(connection, HIDDEN, ["FR01"], "account_unverified")
    await attempted(connection, CLOSED, ["AC04"], "account_closed")
    await attempted(connection, APPROVED, ["AM05", None], None)
    await attempted(connection, UNAPPROVED, ["AM05", None], None)
    await attempted(connection, LET_GO, ["RR04"], "no_funds", approved=True)
    detail = json.dumps({"redeem_code": code_of(APPROVED), "benefit": "incentive_1", "amount": INCENTIVE})
    said = (1, LATER, "approve", "ani", "a call", detail)
    insert = "insert into operation (number, at, verb, who, why, detail, previous_hash, hash)"
    await connection.execute(
        f"{insert} values ($1, $2, $3, $4, $5, $6, $7, $8)", *said, GENESIS, operation_hash(GENESIS, *said)
    )
    await connection.close()
    harness = await create_harness(empty_database)
    yield harness
    await harness.connection.close()


async def test_upgrade_freezes_reviewable_rejections_whatever_they_are_held_for(upgraded: PaymentHarness) -> None:
    rows = await upgraded.connection.fetch("select participant_id from disbursement where frozen order by 1")
    assert {row["participant_id"] for row in rows} == {LOOKED_AT, HIDDEN, LET_GO}
    shown = "select reason from disbursement where participant_id = $1"
    assert await upgraded.connection.fetchval(shown, HIDDEN) == "account_unverified"


async def test_an_approval_that_was_bound_to_nothing_is_void(upgraded: PaymentHarness) -> None:
    waiting = (
        "select count(*) from approval a join disbursement d using (redeem_code, benefit) where a.attempt > d.attempt"
    )
    assert await upgraded.connection.fetchval(waiting) == 0


async def test_only_an_unapproved_attempt_after_doubts_is_a_breach(
    upgraded: PaymentHarness,
) -> None:
    wrong = "was instructed after a contradiction or review, without an approval"
    found = [breach for breach in await upgraded.breaches() if wrong in breach]
    assert [breach.partition(";")[0] for breach in found] == [f"{code_of(UNAPPROVED)}-2 {wrong}"]
