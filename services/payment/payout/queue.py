"""Queue for money of a fund, in order of age over all lanes. While the fund is locked, it does not change."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from asyncpg import Connection

from services.payment.domain.disbursement import Disbursement, HoldReason
from services.payment.domain.funds import Age, Fund, QueuedDisbursement, affordable, queued
from services.payment.store.disbursements import load_disbursements
from services.payment.store.funds import load_payable_funds, load_queue

PORTION = 500
LOOK_BEYOND = 20
PORTIONS_FOR_NEWCOMERS = 4
BEFORE_ALL: Age = (datetime(1, 1, 1, tzinfo=UTC), "", "")


async def in_turn(
    connection: Connection, fund: Fund, money: int, oldest_first: Sequence[Disbursement]
) -> list[Disbursement]:
    """Return those disbursements, new or waiting, that the money suffices for after all older ones in any lane.

    To bound the time for which the fund is locked, only PORTIONS_FOR_NEWCOMERS portions of the queue are read when all
    are new; later ones wait.
    """
    known = {d.key: d for d in oldest_first}
    newcomers = [queued(d) for d in oldest_first if d.reason is not HoldReason.NO_FUNDS]
    all_new = len(newcomers) == len(known)
    served: list[Disbursement] = []
    portions_read = 0
    async with aclosing(_portions(connection, fund, money, newcomers)) as portions:
        async for covered, _ in portions:
            served += [known[waiting.key] for waiting in covered if waiting.key in known]
            portions_read += 1
            if len(served) == len(known) or (all_new and portions_read == PORTIONS_FOR_NEWCOMERS):
                break
    return served


async def load_in_turn(
    connection: Connection, lanes: Collection[int], at_most: int
) -> tuple[list[Disbursement], list[Disbursement]]:
    """Return (covered, beyond): waiting disbursements of these lanes that the money covers, and the next after these.

    Read without a lock. `beyond` are among the first LOOK_BEYOND of a fund's queue that the money does not cover:
    planned again, those that have another obstacle by now leave the queue. One that is queued for `retry` keeps its
    place, and is left out.
    """
    covered: list[Disbursement] = []
    beyond: list[Disbursement] = []
    for fund, money in (await load_payable_funds(connection)).items():
        async with aclosing(_portions(connection, fund, money, [])) as portions:
            async for served, behind in portions:
                for queue, some in ((served, covered), (behind, beyond)):
                    keys = [waiting.key for waiting in queue if waiting.lane in lanes]
                    loaded = await load_disbursements(connection, keys) if keys else []
                    some += [d for d in loaded if d.next_check_at is None]
                if len(covered) >= at_most:
                    return covered[:at_most], beyond
    return covered, beyond


async def _portions(
    connection: Connection, fund: Fund, money: int, newcomers: list[QueuedDisbursement]
) -> AsyncGenerator[tuple[list[QueuedDisbursement], list[QueuedDisbursement]], None]:
    """Yield portions of disbursements that the money suffices for, newcomers among them, the oldest first.

    The last portion comes with the first ones that it does not suffice for.
    """
    after = BEFORE_ALL
    while money > 0:
        portion = await load_queue(connection, fund, after, PORTION)
        ended = len(portion) < PORTION
        coming = newcomers if ended else [newcomer for newcomer in newcomers if newcomer.age < portion[-1].age]
        queue = sorted([*portion, *coming])
        count, total = affordable([waiting.amount for waiting in queue], money)
        yield queue[:count], queue[count : count + LOOK_BEYOND]
        if ended or count < len(queue):
            return
        after, money, newcomers = portion[-1].age, money - total, newcomers[len(coming) :]
