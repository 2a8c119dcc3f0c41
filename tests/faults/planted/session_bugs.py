"""Bugs in how a process makes sure that its session and its name are its own."""

import pytest

from shared.messaging.engine.membership import Membership
from shared.messaging.engine.sweeper import Sweeper
from shared.messaging.transaction.session import EngineSession
from tests.faults.planted import session_scenarios
from tests.faults.planted.bugs import Bug


def it_works_in_whatever_schema_there_is(product: pytest.MonkeyPatch) -> None:
    async def never(_: Sweeper, __: EngineSession) -> None:
        """Compare nothing."""

    product.setattr(Sweeper, "_confirm_schema", never)


def it_joins_before_it_has_its_name(product: pytest.MonkeyPatch) -> None:
    async def at_once(_: Membership) -> None:
        """Ask for nothing."""

    product.setattr(Membership, "_until_entered", at_once)


BUGS = (
    Bug(
        it_joins_before_it_has_its_name,
        session_scenarios.a_second_process_of_a_name_cannot_log_in,
        "taken from whoever works",
    ),
    Bug(
        it_works_in_whatever_schema_there_is, session_scenarios.the_schema_becomes_a_newer_programs, "one too many: g2"
    ),
)
