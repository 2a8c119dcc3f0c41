"""Bugs that let go of what had been said before a restore."""

from typing import Any

import pytest

from services.enrollment.handlers import accounts, admissions
from services.payment.handlers import adoption
from shared.messaging.engine import recovery
from shared.runtime.data_identity import DataIdentity
from tests.faults.planted import restore_scenarios
from tests.faults.planted.bugs import Bug


async def nothing(*_: Any) -> dict[Any, Any]:
    return {}


def it_adopts_the_tails_of_its_own_lanes_alone(product: pytest.MonkeyPatch) -> None:
    """Of which a process that has just begun holds none."""
    product.setattr(recovery, "LANES", 0)


def it_keeps_no_money_for_what_was_told(product: pytest.MonkeyPatch) -> None:
    product.setattr(adoption, "keep_promised", nothing)


def it_works_under_whatever_name_and_keys_there_are(product: pytest.MonkeyPatch) -> None:
    product.setattr(DataIdentity, "confirm", nothing)


def it_decides_admissions_anew(product: pytest.MonkeyPatch) -> None:
    product.setattr(admissions, "load_announced_admissions", nothing)


def it_announces_accounts_anew(product: pytest.MonkeyPatch) -> None:
    product.setattr(accounts, "load_announced_accounts", nothing)


BUGS = (
    Bug(
        it_adopts_the_tails_of_its_own_lanes_alone,
        restore_scenarios.a_process_that_holds_no_lane_begins,
        "g1 is not known again",
    ),
    Bug(
        it_keeps_no_money_for_what_was_told,
        restore_scenarios.another_ones_right_is_read_first,
        "600000 rupiah went out and were not appropriated",
    ),
    Bug(
        it_works_under_whatever_name_and_keys_there_are,
        restore_scenarios.it_comes_back_under_another_name,
        "the incentive is asked for twice",
    ),
    Bug(
        it_decides_admissions_anew,
        restore_scenarios.the_last_place_was_given_away,
        "participant_refused is said once more",
    ),
    Bug(it_announces_accounts_anew, restore_scenarios.an_account_was_linked, "account_linked is said once more"),
)
