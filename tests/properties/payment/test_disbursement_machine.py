"""Property: the service keeps what the machine of disbursements demands of the domain, and all its own invariants."""

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.builders import LATER
from tests.infrastructure import PostgresServer
from tests.integration.payment.harness import PaymentHarness, create_harness
from tests.model.disbursement.bugs import BUGS, Bug
from tests.model.disbursement.machine import LIMIT, TRAININGS, Disbursements
from tests.model.disbursement.subject import Subject
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.as_subject import AsSubject

RUNS = int(os.environ.get("JOURNEYS", "10"))
STEPS = 25
FEW = settings(
    ON_POSTGRES,
    max_examples=RUNS,
    stateful_step_count=STEPS,
    suppress_health_check=[*ON_POSTGRES.suppress_health_check, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def harness(loop: asyncio.AbstractEventLoop, postgres: PostgresServer) -> Iterator[PaymentHarness]:
    database = loop.run_until_complete(postgres.fresh_database())
    harness = loop.run_until_complete(create_harness(database, approval_above_rupiah=LIMIT))
    yield harness
    loop.run_until_complete(harness.connection.close())
    loop.run_until_complete(postgres.drop(database))


@pytest.fixture
def machine(harness: PaymentHarness, loop: asyncio.AbstractEventLoop) -> type[Disbursements]:
    class OfService(Disbursements):
        start = LATER
        cut_off_at = LATER + timedelta(days=60)

        def make_subject(self) -> Subject:
            return AsSubject(harness, loop, TRAININGS, LIMIT, self.cut_off_at)

    return OfService


def test_every_right_is_paid_once_by_the_service(machine: type[Disbursements]) -> None:
    run_state_machine_as_test(machine, settings=FEW)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__.replace("it_", "unless_it_", 1))
def test_service_passes_each_play(machine: type[Disbursements], bug: Bug) -> None:
    machine().play(bug.play)
