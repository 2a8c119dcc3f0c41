"""Machine: disbursements and books around the real domain, in any order of what people, partners and operators do.

The environment may set JOURNEYS for more runs.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.errors import InvariantBroken
from tests.model.disbursement.bugs import BUGS, Bug
from tests.model.disbursement.in_memory import InMemory
from tests.model.disbursement.machine import LIMIT, TRAININGS, Disbursements
from tests.model.disbursement.subject import Subject

RUNS = int(os.environ.get("JOURNEYS", "200"))
STEPS = 40
MANY = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class InMemoryDisbursements(Disbursements):
    def make_subject(self) -> Subject:
        return InMemory(TRAININGS, LIMIT)


def test_every_right_is_paid_once_and_the_books_balance() -> None:
    run_state_machine_as_test(InMemoryDisbursements, settings=MANY)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_machine_notices(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    InMemoryDisbursements().play(bug.play)
    bug.plant(monkeypatch)
    with pytest.raises((AssertionError, InvariantBroken)):
        InMemoryDisbursements().play(bug.play)
