"""The migration of rules stored by position, as they were at first."""

import json
from datetime import UTC, datetime
from itertools import takewhile

from deploy.local.roles import owner_of
from services.completion.domain.rule import CompletionRule, RequiredSession
from services.completion.store.enrollments import load_enrollments
from shared.postgres.migrations import migrate, migrations_of
from shared.postgres.session import connect
from tests.infrastructure import Database

SCHEMED, TERMLESS = "PRAT00000001", "PRAT00000002"
FIRST, SECOND = datetime(2023, 5, 1, 2, tzinfo=UTC), datetime(2023, 5, 2, 2, 0, 0, 5, tzinfo=UTC)
BY_POSITION = [
    [[1, "face", "2023-05-01T02:00:00Z", "2023-05-02T02:00:00.000005Z"], [2, "venue_qr", "2023-05-02T02:00:00.000005Z",
     "2023-05-02T02:00:00.000005Z"]],
    "taken", True, False, True, 15, 30,
]  # fmt: skip


async def test_rule_stored_by_position_is_loaded_after_the_upgrade(empty_database: Database) -> None:
    url = empty_database.url_of(owner_of("completion"))
    await migrate(url, list(takewhile(lambda one: one.name != "rule_by_name", migrations_of("services.completion"))))
    connection = await connect(url, "then")
    insert = (
        "insert into enrollment (redeem_code, participant_id, lane, state, known_at, decided_at, provider_id, scheme,"
        " scheme_version, rule) values ($1, 'P1', 5, $2, $3, $4, $5, $6, $7, $8)"
    )
    await connection.execute(insert, SCHEMED, "open", FIRST, None, "LP0001", "normal", 1, json.dumps(BY_POSITION))
    await connection.execute(insert, TERMLESS, "rejected", FIRST, FIRST, None, None, None, None)
    await connection.close()

    await migrate(url, migrations_of("services.completion"))

    connection = await connect(url, "now")
    found = await load_enrollments(connection, [SCHEMED, TERMLESS])
    await connection.close()
    terms = found[SCHEMED].terms
    assert found[TERMLESS].terms is None
    assert terms is not None
    assert terms.rule == CompletionRule(
        sessions=(RequiredSession(1, "face", FIRST, SECOND), RequiredSession(2, "venue_qr", SECOND, SECOND)),
        post_test="taken",
        graded=True,
        certificate=False,
        whole_span=True,
        evidence_days=15,
        complete_within_days=30,
    )
