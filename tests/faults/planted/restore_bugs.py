"""Planted bugs that ignore events published before a restore."""

from typing import Any

import pytest

from services.enrollment.handlers import accounts, admissions
from services.payment.handlers import adoption
from shared.messaging.engine import recovery
from shared.messaging.transaction.transaction import Transaction
from shared.runtime.data_identity import DataIdentity
from tests.faults.planted import restore_scenarios
from tests.faults.planted.bugs import Bug


async def nothing(*_: Any) -> dict[Any, Any]:
    return {}


def it_adopts_the_tails_of_its_own_lanes_alone(product: pytest.MonkeyPatch) -> None:
    """Adopt events of owned lanes only; a process that has just started owns none."""
    product.setattr(recovery, "LANES", 0)


def it_reserves_no_money_for_earlier_instructions(product: pytest.MonkeyPatch) -> None:
    product.setattr(adoption, "keep_promised", nothing)


def it_works_under_any_name_and_keys(product: pytest.MonkeyPatch) -> None:
    product.setattr(DataIdentity, "confirm", nothing)


def it_decides_admissions_again(product: pytest.MonkeyPatch) -> None:
    product.setattr(admissions, "load_announced_admissions", nothing)


def it_announces_accounts_again(product: pytest.MonkeyPatch) -> None:
    product.setattr(accounts, "load_announced_accounts", nothing)


def it_pays_anew_before_all_is_read_again(product: pytest.MonkeyPatch) -> None:
    product.setattr(Transaction, "catching_up", lambda *_: False)


BUGS = (
    Bug(
        it_adopts_the_tails_of_its_own_lanes_alone,
        restore_scenarios.a_process_without_lanes_starts,
        "g1 is not adopted",
    ),
    Bug(
        it_reserves_no_money_for_earlier_instructions,
        restore_scenarios.another_entitlement_is_read_first,
        "600000 rupiah went out and were not appropriated",
    ),
    Bug(
        it_works_under_any_name_and_keys,
        restore_scenarios.a_restored_service_has_another_name,
        "the incentive is instructed twice",
    ),
    Bug(
        it_decides_admissions_again,
        restore_scenarios.the_last_place_was_given_before,
        "participant_refused is published again",
    ),
    Bug(it_announces_accounts_again, restore_scenarios.an_account_was_linked, "account_linked is published again"),
    Bug(
        it_pays_anew_before_all_is_read_again,
        restore_scenarios.a_block_was_read_before,
        "the incentive is instructed in spite of the block",
    ),
)
