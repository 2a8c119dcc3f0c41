"""Planted bugs about cut-offs: paid after it, forfeited before it, and money that lies unused."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from asyncpg import Connection

from services.payment import timers
from services.payment.payout import plan
from services.payment.store.cut_offs import pass_cut_offs
from services.payment.store.halts import load_halts_and_cut_offs
from tests.faults.planted import cut_off_scenarios
from tests.faults.planted.bugs import Bug


def it_pays_past_a_cut_off(product: pytest.MonkeyPatch) -> None:
    """Forfeit what is held at the cut-off, but pay what falls due after it."""

    async def none_passed(*arguments: object) -> tuple[object, frozenset[object]]:
        halts, _ = await load_halts_and_cut_offs(*arguments)  # type: ignore[arg-type]
        return halts, frozenset()

    product.setattr(plan, "load_halts_and_cut_offs", none_passed)


def it_cuts_off_too_early(product: pytest.MonkeyPatch) -> None:
    """Act on a cut-off as soon as it is heard of, whether it has come or not."""

    async def at_once(connection: Connection, lanes: Sequence[int], _: datetime, now: datetime) -> None:
        await pass_cut_offs(connection, lanes, datetime.max.replace(tzinfo=UTC), now)

    product.setattr(timers, "pass_cut_offs", at_once)


def it_keeps_unused_money(product: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[object]:
        return []

    product.setattr(timers, "load_funds_past_cut_off", nothing)


BUGS = (
    Bug(
        it_pays_past_a_cut_off,
        cut_off_scenarios.a_training_is_completed_after_the_cut_off,
        "was instructed past the cut-off of its wave",
    ),
    Bug(
        it_cuts_off_too_early,
        cut_off_scenarios.an_account_comes_shortly_before_the_cut_off,
        "was forfeited, and its wave was not cut off",
    ),
    Bug(it_keeps_unused_money, cut_off_scenarios.an_hour_passes_after_the_cut_off, "lie unused past the cut-off"),
)
