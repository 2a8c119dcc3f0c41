"""Planted bugs in the order of payment while money is short."""

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from typing import Any

import pytest
from asyncpg import Connection

from services.payment.domain.funds import Allotment, Balance, QueuedDisbursement
from services.payment.payout import disbursements, funds, queue
from services.payment.store import QUERIES
from services.payment.store.funds import load_allotments
from tests.faults.planted import age_scenarios
from tests.faults.planted.bugs import Bug


def it_reserves_from_allotments_during_a_shortage(product: pytest.MonkeyPatch) -> None:
    """Pay from a lane's own allotment although an older payment waits elsewhere."""

    async def never_short(connection: Connection, allotments: Collection[Allotment]) -> dict[Allotment, Balance]:
        return {
            allotment: replace(balance, short=False)
            for allotment, balance in (await load_allotments(connection, allotments)).items()
        }

    product.setattr(funds, "load_allotments", never_short)


def it_pays_each_lane_on_its_own(product: pytest.MonkeyPatch) -> None:
    """Ignore the queues of other lanes."""
    own = QUERIES["load_queue"].replace("reason = 'no_funds'", f"reason = 'no_funds' and lane = {age_scenarios.HERE}")
    assert own != QUERIES["load_queue"]
    product.setitem(QUERIES._statements, "load_queue", own)


def it_leaves_allotments_to_idle_lanes(product: pytest.MonkeyPatch) -> None:
    """Return no money from the allotment of a stopped lane."""
    own = QUERIES["lock_idle_allotments"].replace("where p.drawn", f"where p.lane = {age_scenarios.THERE} and p.drawn")
    assert own != QUERIES["lock_idle_allotments"]
    product.setitem(QUERIES._statements, "lock_idle_allotments", own)


def it_records_no_shortage(product: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        return None

    product.setattr(disbursements, "update_shortage_flags", nothing)


def it_checks_only_payments_that_the_money_suffices_for(product: pytest.MonkeyPatch) -> None:
    """Keep the hold reason of payments beyond the available money, whatever else holds them now."""
    portions = queue._portions

    async def covered(*arguments: Any) -> AsyncIterator[tuple[list[QueuedDisbursement], list[QueuedDisbursement]]]:
        async for served, _ in portions(*arguments):
            yield served, []

    product.setattr(queue, "_portions", covered)


def it_ignores_promised_money_when_it_reserves(product: pytest.MonkeyPatch) -> None:
    """Ignore that a wave may have promised more than it has left."""
    for query in ("load_allotments", "lock_funds", "load_funds_with_idle_allotments"):
        asked = QUERIES[query].replace("f.short or f.appropriated - f.returned - f.drawn < f.promised", "f.short")
        assert asked != QUERIES[query]
        product.setitem(QUERIES._statements, query, asked)


BUGS = (
    Bug(
        it_reserves_from_allotments_during_a_shortage,
        age_scenarios.the_lane_of_a_younger_payment_holds_the_allotment,
        "PRAT00000002 was paid before PRAT00000001",
    ),
    Bug(
        it_pays_each_lane_on_its_own,
        age_scenarios.the_oldest_waits_in_another_lane,
        "PRAT00000001 was paid before PRAT00000000",
    ),
    Bug(
        it_leaves_allotments_to_idle_lanes,
        age_scenarios.a_lane_stands_still_with_the_money_in_its_allotment,
        "1 waits although there is money",
    ),
    Bug(
        it_records_no_shortage,
        age_scenarios.the_lane_of_a_younger_payment_holds_the_allotment,
        "1 wait for money, and the mark `short` contradicts that",
    ),
    Bug(
        it_checks_only_payments_that_the_money_suffices_for,
        age_scenarios.the_oldest_payment_is_ineligible_and_too_large,
        "1 waits behind an ineligible payment",
    ),
    Bug(
        it_ignores_promised_money_when_it_reserves,
        age_scenarios.a_rejection_releases_promised_money,
        "600000 rupiah went out and were not appropriated",
    ),
)
