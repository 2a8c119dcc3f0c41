"""Shortage: its cost while many wait, and the upgrade of installations whose lanes kept money."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.facts import code_of, completed, confirmed, fee_due, of_lane
from tests.integration.payment.harness import PaymentHarness, create_harness

MILLION = 1_000_000
HERE, THERE = 2, 5
MANY = 5_000
# The schema before there was a flag for shortages.
UNDONE = """
    drop index disbursement_queue;
    alter table funds drop column short;
    delete from funds where wave = '49';
    delete from migration where component = 'payment' and name = 'shortage'"""
A_PAGE, A_LOCK = "order by due_at, redeem_code, benefit limit", "for update of f"


@pytest.fixture
async def crowd(database: Database) -> AsyncIterator[PaymentHarness]:
    """Insert thousands that wait for a million each, in a lane that does not sweep."""
    harness = await create_harness(database)
    await harness.connection.execute(
        "insert into disbursement (redeem_code, benefit, participant_id, lane, wave, component, payee, provider_id,"
        " amount, due_at, state, reason, attempt, tried_version, changed_at)"
        " select 'PRAT' || lpad(n::text, 8, '0'), 'fee', '483' || lpad(n::text, 13, '0'), $1, '48', 'training',"
        " 'provider', 'LP0001', 1000000, $2::timestamptz, 'held', 'no_funds', 0, 0, $2 from generate_series(1, $3) n",
        THERE,
        LATER,
        MANY,
    )
    await harness.connection.execute(
        "insert into funds (wave, component, appropriated, short) values ('48', 'training', 0, true)"
    )
    await harness.receive(a_provider())
    yield harness
    await harness.connection.close()


def asked(harness: PaymentHarness) -> list[str]:
    queries: list[str] = []
    harness.session.connection.add_query_logger(lambda query: queries.append(query.query))
    return queries


def count(queries: list[str], words: str) -> int:
    return sum(words in query for query in queries)


@pytest.mark.parametrize(("rupiah", "pages"), [(0, 0), (MILLION - 1, 1), (3 * MILLION, 1), (700 * MILLION, 2)])
async def test_sweep_reads_only_the_affordable_queue_and_locks_no_fund_in_vain(
    crowd: PaymentHarness, rupiah: int, pages: int
) -> None:
    await crowd.connection.execute("update funds set appropriated = $1", rupiah)
    queries = asked(crowd)
    await crowd.sweep("return_unused", "release", lanes=[HERE])
    assert (count(queries, A_PAGE), count(queries, A_LOCK)) == (pages, 0)


@pytest.mark.parametrize(("rupiah", "pages"), [(0, 0), (3 * MILLION, 1), (2 * MANY * MILLION, 4)])
async def test_a_newcomer_joins_a_long_queue_without_reading_it_all(
    crowd: PaymentHarness, rupiah: int, pages: int
) -> None:
    await crowd.connection.execute("update funds set appropriated = $1", rupiah)
    crowd.now = LATER + timedelta(minutes=1)
    queries = asked(crowd)
    await crowd.receive(*fee_due(HERE, MANY + 1, MILLION))
    assert await crowd.state("fee", code_of(MANY + 1)) == "held(no_funds)"
    assert count(queries, A_PAGE) == pages


async def test_newcomer_waiting_behind_many_is_paid_by_the_next_sweep(
    crowd: PaymentHarness,
) -> None:
    await crowd.connection.execute("update funds set appropriated = $1", 2 * MANY * MILLION)
    crowd.now = LATER + timedelta(minutes=1)
    await crowd.receive(*fee_due(HERE, MANY + 1, MILLION))
    await crowd.sweep("return_unused", "release", lanes=[HERE])
    assert await crowd.state("fee", code_of(MANY + 1)) == "instructed"


async def test_upgrade_marks_short_funds_and_returns_idle_allotments(
    empty_database: Database,
) -> None:
    """One lane had been allotted all there was; another wave had only disbursements that wait."""
    old = await create_harness(empty_database)
    await old.receive(a_provider(), funds("48", "training", rupiah=100 * MILLION))
    await old.receive(*fee_due(HERE, 0, MILLION))
    await old.receive(*fee_due(THERE, 1, 2 * MILLION))
    person = of_lane(THERE, 2)
    await old.receive(confirmed(person, code_of(2), wave="49", fee=MILLION), completed(person, code_of(2)))
    await old.connection.execute(UNDONE)
    await old.connection.close()

    harness = await create_harness(empty_database)
    short = await harness.connection.fetch("select wave, component from funds where short order by wave")
    assert [tuple(row) for row in short] == [("48", "training"), ("49", "training")]
    await harness.sweep(lanes=[THERE])
    assert [await harness.state("fee", code_of(n)) for n in range(3)] == ["instructed", "instructed", "held(no_funds)"]
    await harness.receive(funds("49", "training", rupiah=MILLION))
    await harness.sweep(lanes=[THERE])
    assert await harness.state("fee", code_of(2)) == "instructed"
    assert await harness.breaches() == []
    await harness.connection.close()
