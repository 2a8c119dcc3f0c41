"""The plans of a service's statements: each goes by an index, even if planned while the tables were empty."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.postgres.queries import blocks
from shared.postgres.session import connect
from tests.infrastructure import Database

# Tables that grow with every journey. The others hold a row per lane, topic, wave, provider or partner.
GROWING = {
    "enrollment": {"admission", "account", "enrollment", "claim", "waiting", "page"},
    "completion": {"enrollment", "evidence", "waiting", "page"},
    "payment": {"account", "enrollment", "disbursement", "attempt", "transfer", "waiting", "page"},
}
# What waits is asked for each key anew, and under one of them half a million may wait.
BY_INDEX = {
    "count_deferred": {"waiting_once"},
    "load_identical": {"waiting_once"},
    "take_deferred": {"waiting_in_order"},
    "load_released_portion": {"waiting_in_order"},
    "end_turns": {"waiting_in_order"},
    "end_marks": {"waiting_in_order"},
    "load_queued": {"waiting_in_order"},
    "load_deferred_keys": {"waiting_in_order"},
}
# Checks read whole tables, in patient sessions of their own; these do not stand in a file of their own.
CHECKS = {"load_open_without_deadline", "count_orphaned_evidence", "count_enrollments_by_state"}
# Asked at an upgrade, by `keys list` and `books`, or after a key was taken out of its set; never in the course of work.
SELDOM = {
    "has_sealed_accounts",
    "count_frozen",
    "count_sealed_accounts",
    "count_sealed_instructions",
    "index_approvals",
    "load_all_transfers",
    "load_clearing_legs",
    "load_first_and_last_time",
    "load_page_events",
}


@pytest.mark.parametrize("service", GROWING)
async def test_no_statement_scans_a_growing_table(database: Database, service: str) -> None:
    package = f"services.{service}"
    await database.migrate(service)
    # As the owner, who also seals again what rests under other keys.
    connection = await connect(database.url_of(owner_of(service)), "planning")
    reading = set()
    for name, statement in [*asked("shared.messaging"), *asked(package)]:
        if GROWING[service] & set(read_whole(await plan(connection, statement))):
            reading.add(name)
    await connection.close()
    assert reading - CHECKS - SELDOM == set()


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "full of one key"])
async def test_deferred_records_are_read_by_the_index_in_their_order(database: Database, *, filled: bool) -> None:
    session, owner = await database.sessions("enrollment")
    if filled:
        await owner.execute(
            'insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, record)'
            " select n % 12, 'wave', '48', n::text, 't', 0, n, now(), '' from generate_series(1, 20000) as n;"
            " analyze waiting"
        )
    statements = dict(asked("shared.messaging"))
    found = {name: set(indexes_of(await plan(session, statements[name]), "waiting")) for name in BY_INDEX}
    # What was found by then is deleted by its number.
    found["take_deferred"].discard("waiting_pkey")
    assert found == BY_INDEX


@pytest.mark.parametrize("service", GROWING)
async def test_no_invariant_loops_over_two_growing_tables(database: Database, service: str) -> None:
    package = f"services.{service}"
    connection = await connect(await database.migrate(service), "checking", long_running=True)
    for table in GROWING[service]:
        # From now on it is known to be empty, as a table is that was counted last when the service began.
        await connection.execute(f"analyze {table}")
    comparing = set()
    for name, statement in [*checks("shared.runtime"), *checks(package)]:
        if any(compared_whole(await plan(connection, statement), GROWING[service])):
            comparing.add(name)
    await connection.close()
    assert comparing == set()


def checks(package: str) -> Iterator[tuple[str, str]]:
    """Return the statements that `verify` runs."""
    for file in files(package).joinpath("sql").iterdir():
        named = blocks(file.read_text("utf-8"), file.name)
        yield from ((n, statement) for n, statement in named if file.name.endswith("invariants.sql") or n in CHECKS)


def compared_whole(part: dict[str, Any], growing: set[str]) -> Iterator[bool]:
    """Tell whether a plan scans a growing table for each row of another one."""
    below = part.get("Plans", ())
    if part["Node Type"] == "Nested Loop":
        outer, inner = below[0], below[1]
        yield bool(growing & set(read_at_all(outer)) and growing & set(read_whole(inner)))
    for one in below:
        yield from compared_whole(one, growing)


def read_at_all(part: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in part:
        yield part["Relation Name"]
    for below in part.get("Plans", ()):
        yield from read_at_all(below)


def indexes_of(part: dict[str, Any], table: str) -> Iterator[str]:
    """Return the indexes by which a plan reads a table."""
    if part.get("Relation Name") == table and "Index Name" in part:
        yield part["Index Name"]
    for below in part.get("Plans", ()):
        yield from indexes_of(below, table)


def asked(package: str) -> Iterator[tuple[str, str]]:
    """Return the statements of the work, and those that answer an operator."""
    for file in files(package).joinpath("sql").iterdir():
        if not file.name.endswith("invariants.sql"):
            named = blocks(file.read_text("utf-8"), file.name)
            yield from ((name, statement) for name, statement in named if not statement.startswith("lock "))


async def plan(connection: Connection, statement: str) -> dict[str, Any]:
    """Return the generic plan, which the session keeps for any parameters."""
    parameters = len(set(re.findall(r"\$\d+", statement)))
    await connection.execute(f"prepare asked as {statement}")
    values = f"({', '.join(['null'] * parameters)})" if parameters else ""
    explained = await connection.fetchval(f"explain (format json) execute asked{values}")
    await connection.execute("deallocate asked")
    found: dict[str, Any] = json.loads(explained)[0]["Plan"]
    return found


def read_whole(part: dict[str, Any]) -> Iterator[str]:
    """Return the tables that a plan scans."""
    if part["Node Type"] == "Seq Scan":
        yield part["Relation Name"]
    for below in part.get("Plans", ()):
        yield from read_whole(below)
