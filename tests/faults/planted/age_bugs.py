"""Bugs that let somebody go first, or let money lie, while it is short."""

from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from asyncpg import Connection

from services.payment.domain.funds import Allotment, Balance, QueuedDisbursement
from services.payment.payout import disbursements, funds, queue
from services.payment.store import QUERIES
from services.payment.store.funds import load_allotments
from tests.faults.planted import age_scenarios
from tests.faults.planted.bugs import Bug


def it_reserves_from_allotments_while_somebody_waits(product: pytest.MonkeyPatch) -> None:
    """What lies in a lane's purse is the lane's own."""

    async def whoever_waits(connection: Connection, purses: Collection[Allotment]) -> dict[Allotment, Balance]:
        return {
            purse: balance._replace(short=False)
            for purse, balance in (await load_allotments(connection, purses)).items()
        }

    product.setattr(funds, "load_allotments", whoever_waits)


def it_serves_each_lane_on_its_own(product: pytest.MonkeyPatch) -> None:
    """The queue of another lane is that lane's affair."""
    own = QUERIES["load_queue"].replace("reason = 'no_funds'", f"reason = 'no_funds' and lane = {age_scenarios.HERE}")
    assert own != QUERIES["load_queue"]
    product.setitem(QUERIES._statements, "load_queue", own)


def it_leaves_allotments_to_their_lanes(product: pytest.MonkeyPatch) -> None:
    """Nobody gives back what lies in the purse of a lane that stands still."""
    own = QUERIES["lock_idle_allotments"].replace("where p.drawn", f"where p.lane = {age_scenarios.THERE} and p.drawn")
    assert own != QUERIES["lock_idle_allotments"]
    product.setitem(QUERIES._statements, "lock_idle_allotments", own)


def it_notes_no_shortage(product: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        return None

    product.setattr(disbursements, "update_shortage_flags", nothing)


def it_looks_only_at_whom_the_money_lasts_for(product: pytest.MonkeyPatch) -> None:
    """Who is beyond that waits, whatever else would hold it by now."""
    portions = queue._portions

    async def covered(*arguments: Any) -> AsyncIterator[tuple[list[QueuedDisbursement], list[QueuedDisbursement]]]:
        async for served, _ in portions(*arguments):
            yield served, []

    product.setattr(queue, "_portions", covered)


def it_asks_of_a_wave_only_whether_somebody_waits(product: pytest.MonkeyPatch) -> None:
    """Not whether more of it was promised than it has left."""
    for query in ("load_allotments", "lock_funds", "load_funds_with_idle_allotments"):
        asked = QUERIES[query].replace("f.short or f.appropriated - f.drawn < f.promised", "f.short")
        assert asked != QUERIES[query]
        product.setitem(QUERIES._statements, query, asked)


BUGS = (
    Bug(
        it_reserves_from_allotments_while_somebody_waits,
        age_scenarios.a_younger_ones_lane_has_the_money_in_its_allotment,
        "PRAT00000002 was paid before PRAT00000001",
    ),
    Bug(
        it_serves_each_lane_on_its_own,
        age_scenarios.the_oldest_waits_in_another_lane,
        "PRAT00000001 was paid before PRAT00000000",
    ),
    Bug(
        it_leaves_allotments_to_their_lanes,
        age_scenarios.a_lane_stands_still_with_the_money_in_its_allotment,
        "1 waits, and there is money",
    ),
    Bug(
        it_notes_no_shortage,
        age_scenarios.a_younger_ones_lane_has_the_money_in_its_allotment,
        "1 wait for money, and its flag says otherwise",
    ),
    Bug(
        it_looks_only_at_whom_the_money_lasts_for,
        age_scenarios.the_oldest_could_not_be_paid_and_the_money_does_not_last_for_it,
        "1 waits behind one that cannot go",
    ),
    Bug(
        it_asks_of_a_wave_only_whether_somebody_waits,
        age_scenarios.a_rejection_brings_back_what_is_promised,
        "600000 rupiah went out and were not appropriated",
    ),
)
