"""States of an enrollment: the database accepts exactly the published transitions."""

import re
from itertools import product

import asyncpg

from deploy.local.paths import ROOT
from services.completion.domain.enrollment import EnrollmentState
from tests.integration.completion.harness import CompletionHarness, confirmed
from tests.unit.completion.facts import CODE

PICTURE = (ROOT / "docs/state-machines.md").read_text().split("## An enrollment in completion")[1].split("```")[1]
SET = (
    "update enrollment set state = $1::enrollment_state,"
    " decided_at = case when $1 = 'open' then null else known_at end,"
    " completed_at = case when $1 in ('completed', 'revoked') then known_at end,"
    " digest = case when $1 in ('completed', 'revoked') then 'd'::bytea end,"
    " reopened_at = case when state = 'not_completed' then known_at else reopened_at end"
)


async def test_database_accepts_the_published_transitions_alone(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    # Rejected ones have no terms, so none becomes so or was otherwise before.
    states = [state.value for state in EnrollmentState if state is not EnrollmentState.REJECTED]
    accepted = {pair for pair in product(states, states) if await _is_accepted(harness, *pair)}
    published = set(re.findall(r"^\s*(\w+) --> (\w+)", PICTURE, re.MULTILINE))
    assert accepted - {("open", "open")} == published


async def _is_accepted(harness: CompletionHarness, before: str, after: str) -> bool:
    transaction = harness.connection.transaction()
    await transaction.start()
    try:
        for state in dict.fromkeys(("completed", before) if before == "revoked" else (before,)):
            await harness.connection.execute(SET, state)
        await harness.connection.execute(SET + f" where redeem_code = '{CODE}'", after)
    except asyncpg.RestrictViolationError:
        return False
    else:
        return True
    finally:
        await transaction.rollback()
