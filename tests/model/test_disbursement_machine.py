"""Machine: disbursements and books around the real domain, in any order of what people, partners and operators do.

The environment may set JOURNEYS for more runs.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.errors import InvariantBroken
from tests.model.disbursement.bugs import BUGS, Plant
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
UNTIL_ONE_FAILS = settings(
    MANY, max_examples=1000, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True
)


class InMemoryDisbursements(Disbursements):
    def make_subject(self) -> Subject:
        return InMemory(TRAININGS, LIMIT)


def test_every_right_is_paid_once_and_the_books_balance() -> None:
    run_state_machine_as_test(InMemoryDisbursements, settings=MANY)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_machine_notices(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, InvariantBroken)):
        run_state_machine_as_test(InMemoryDisbursements, settings=UNTIL_ONE_FAILS)
