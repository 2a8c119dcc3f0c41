"""Bugs that let somebody go first, or let money lie, while it is short."""

from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from asyncpg import Connection

from services.payment.domain.funds import Balance, Purse, Waiting
from services.payment.handlers import changing, queueing, spending
from services.payment.store import QUERIES
from services.payment.store.funds import load_purses
from tests.faults.planted import age_stories
from tests.faults.planted.bugs import Bug

Product = pytest.MonkeyPatch


def it_spends_from_purses_while_somebody_waits(product: Product) -> None:
    """What lies in a lane's purse is the lane's own."""

    async def whoever_waits(connection: Connection, purses: Collection[Purse]) -> dict[Purse, Balance]:
        return {
            purse: balance._replace(short=False) for purse, balance in (await load_purses(connection, purses)).items()
        }

    product.setattr(spending, "load_purses", whoever_waits)


def it_serves_each_lane_on_its_own(product: Product) -> None:
    """The queue of another lane is that lane's affair."""
    own = QUERIES["load_queue"].replace("reason = 'no_funds'", f"reason = 'no_funds' and lane = {age_stories.HERE}")
    assert own != QUERIES["load_queue"]
    product.setitem(QUERIES._statements, "load_queue", own)


def it_leaves_purses_to_their_lanes(product: Product) -> None:
    """Nobody gives back what lies in the purse of a lane that stands still."""
    own = QUERIES["lock_idle_purses"].replace("where p.drawn", f"where p.lane = {age_stories.THERE} and p.drawn")
    assert own != QUERIES["lock_idle_purses"]
    product.setitem(QUERIES._statements, "lock_idle_purses", own)


def it_notes_no_shortage(product: Product) -> None:
    async def nothing(*_: Any) -> None:
        return None

    product.setattr(changing, "note_shortages", nothing)


def it_looks_only_at_whom_the_money_lasts_for(product: Product) -> None:
    """Who is beyond that waits, whatever else would hold it by now."""
    portions = queueing._portions

    async def covered(*arguments: Any) -> AsyncIterator[tuple[list[Waiting], list[Waiting]]]:
        async for served, _ in portions(*arguments):
            yield served, []

    product.setattr(queueing, "_portions", covered)


def it_asks_of_a_wave_only_whether_somebody_waits(product: Product) -> None:
    """Not whether more of it was promised than it has left."""
    for query in ("load_purses", "lock_funds", "load_idle_pots"):
        asked = QUERIES[query].replace("f.short or f.appropriated - f.drawn < f.promised", "f.short")
        assert asked != QUERIES[query]
        product.setitem(QUERIES._statements, query, asked)


BUGS = (
    Bug(
        it_spends_from_purses_while_somebody_waits,
        age_stories.a_younger_ones_lane_has_the_money_in_its_purse,
        "PRAT00000002 was paid before PRAT00000001",
    ),
    Bug(
        it_serves_each_lane_on_its_own,
        age_stories.the_oldest_waits_in_another_lane,
        "PRAT00000001 was paid before PRAT00000000",
    ),
    Bug(
        it_leaves_purses_to_their_lanes,
        age_stories.a_lane_stands_still_with_the_money_in_its_purse,
        "1 waits, and there is money",
    ),
    Bug(
        it_notes_no_shortage,
        age_stories.a_younger_ones_lane_has_the_money_in_its_purse,
        "1 wait for money, and its flag says otherwise",
    ),
    Bug(
        it_looks_only_at_whom_the_money_lasts_for,
        age_stories.the_oldest_could_not_be_paid_and_the_money_does_not_last_for_it,
        "1 waits behind one that cannot go",
    ),
    Bug(
        it_asks_of_a_wave_only_whether_somebody_waits,
        age_stories.a_rejection_brings_back_what_is_promised,
        "600000 rupiah went out and were not appropriated",
    ),
)
