"""States of a purchase: the database accepts exactly the published transitions."""

import re
from itertools import product

import asyncpg

from deploy.local.paths import ROOT
from services.enrollment.domain.purchase import EnrollmentState
from tests.builders import a_purchase, a_wave, an_admission
from tests.integration.enrollment.harness import EnrollmentHarness

PICTURE = (ROOT / "docs/state-machines.md").read_text().split("## A purchase in enrollment")[1].split("```")[1]
WAY_TO = {"undecided": (), "confirmed": ("confirmed",), "rejected": ("rejected",), "voided": ("confirmed", "voided")}
SET = (
    "update enrollment set state = $1,"
    " reason = case when $1 in ('undecided', 'rejected') then 'first_purchase_late' end,"
    " due_at = case when $1 = 'undecided' then decided_at end,"
    " purchase = case when $1 = 'undecided' then ''::bytea end,"
    " voided_at = case when $1 = 'voided' then decided_at end, void_reason = case when $1 = 'voided' then 'x' end"
)


async def test_database_accepts_the_published_transitions_alone(harness: EnrollmentHarness) -> None:
    admission = an_admission()
    late = a_purchase(admission.data["participant_id"], purchased_at=harness.now)
    await harness.receive(a_wave(), admission, late)
    states = [state.value for state in EnrollmentState]
    accepted = {pair for pair in product(states, states) if pair[0] != pair[1] and await _is_accepted(harness, *pair)}
    assert accepted == set(re.findall(r"^\s*(\w+) --> (\w+)", PICTURE, re.MULTILINE))


async def _is_accepted(harness: EnrollmentHarness, before: str, after: str) -> bool:
    transaction = harness.connection.transaction()
    await transaction.start()
    try:
        for state in WAY_TO[before]:
            await harness.connection.execute(SET, state)
        await harness.connection.execute(SET, after)
    except asyncpg.RestrictViolationError:
        return False
    else:
        return True
    finally:
        await transaction.rollback()
