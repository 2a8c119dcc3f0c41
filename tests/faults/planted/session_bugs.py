"""Planted bugs in a process's hold on its session and its name."""

import pytest

from shared.messaging.engine.membership import Membership
from shared.messaging.engine.sweeper import Sweeper
from shared.messaging.transaction.session import EngineSession
from tests.faults.planted import session_scenarios
from tests.faults.planted.bugs import Bug


def it_works_in_any_schema(product: pytest.MonkeyPatch) -> None:
    async def never(_: Sweeper, __: EngineSession) -> None:
        """Compare nothing."""

    product.setattr(Sweeper, "_confirm_schema", never)


def it_joins_the_group_before_it_owns_its_name(product: pytest.MonkeyPatch) -> None:
    async def at_once(_: Membership) -> None:
        """Ask for nothing."""

    product.setattr(Membership, "_until_entered", at_once)


BUGS = (
    Bug(
        it_joins_the_group_before_it_owns_its_name,
        session_scenarios.a_second_process_of_a_name_cannot_log_in,
        "taken from the first process",
    ),
    Bug(it_works_in_any_schema, session_scenarios.the_schema_is_migrated_by_a_newer_version, "one too many: g2"),
)
