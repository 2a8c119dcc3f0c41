"""Plans that the database really chose, as `auto_explain` logged them."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from asyncpg import Connection

from deploy.local.paths import ROOT
from shared.contracts.topics import SERVICES
from shared.postgres.queries import blocks
from tests.benchmarks.harness import Result

LARGE_ROWS = 10_000
SEQUENTIAL = "Seq Scan"
EXPLAINED = re.compile(r"(\w+)@salur \[(.*)\] LOG:  duration: ([\d.]+) ms  plan:\n((?:\t.*\n)+)")
# Prefix of the log's lines; it contains the application name, by which checks of the invariants, which read whole
# tables, are recognized.
LINE_PREFIX = "%m %u@%d [%a] "
CHECKS = "command"
CONSTANT = re.compile(r"\$\d+|'[^']*'|\b\d+\b")
SWITCH = (
    "alter system set auto_explain.log_format = 'json'",
    "alter system set auto_explain.log_min_duration = {0}",
    "select pg_reload_conf()",
)
LARGE = """
    select n.nspname || '.' || c.relname as place from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname = any($1) and c.reltuples >= $2"""


async def large_tables(connection: Connection) -> set[str]:
    """Return `schema.table` of the tables with many rows, as of the last analysis."""
    return {row["place"] for row in await connection.fetch(LARGE, SERVICES, LARGE_ROWS)}


async def load_explaining(connection: Connection) -> None:
    """Load auto_explain into new sessions of the services, switched off until `explain`."""
    for service in SERVICES:
        await connection.execute(f"alter role {service} set session_preload_libraries = 'auto_explain'")
    await connection.execute("load 'auto_explain'")


async def explain(connection: Connection, *, wanted: bool) -> None:
    """Switch the logging of each statement's plan on or off."""
    for statement in SWITCH:
        await connection.execute(statement.format(0 if wanted else -1))


def read_plans(log: str, large: set[str]) -> dict[str, Result]:
    """Return the plans on large tables by query name: executions, mean milliseconds, tables and kinds of scan."""
    name_of = query_namer()
    found: dict[str, Result] = {}
    for service, session, milliseconds, text in EXPLAINED.findall(log):
        explained = json.loads(text)
        reads = {(f"{service}.{table}", how) for table, how in _reads(explained["Plan"])}
        if session.endswith(CHECKS) or not any(table in large for table, _ in reads):
            continue
        name = f"{service}.{name_of(explained['Query Text'])}"
        entry = found.setdefault(name, {"times": 0, "ms": 0.0, "reads": set()})
        entry["times"] += 1
        entry["ms"] += float(milliseconds)
        entry["reads"] |= reads
    return {name: _tidied(entry) for name, entry in sorted(found.items())}


def sequential_reads(plans: dict[str, Result], large: set[str]) -> list[str]:
    """Report sequential reads of large tables; report also if no plan was logged at all."""
    if not plans:
        return ["no plan was written down"]
    return [
        f"{name} reads {read}"
        for name, entry in plans.items()
        for read in entry["reads"]
        if read.endswith(SEQUENTIAL) and read.partition(":")[0] in large
    ]


def query_namer() -> Callable[[str], str]:
    """Return a function from a statement to its name in the `.sql` files, or to its beginning if it has none."""
    names = dict(_queries())
    return lambda statement: names.get(_squeezed(statement), " ".join(statement.partition("(")[0].split())[:60])


def _tidied(entry: Result) -> Result:
    reads = [f"{table}: {how}" for table, how in sorted(entry["reads"])]
    return {"times": entry["times"], "ms": round(entry["ms"] / entry["times"], 3), "reads": reads}


def _reads(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (table, kind of scan) of each node of a plan that reads a table."""
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        indexes = [part["Index Name"] for part in (plan, *plan.get("Plans", ())) if "Index Name" in part]
        yield plan["Relation Name"], " ".join([plan["Node Type"], *indexes])
    for part in plan.get("Plans", ()):
        yield from _reads(part)


def _queries() -> Iterator[tuple[str, str]]:
    """Yield (statement, name) of every named query."""
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("sql/*.sql")):
            for name, statement in blocks(path.read_text(), path.name):
                yield _squeezed(statement), name


def _squeezed(statement: str) -> str:
    """Return a statement in one line, with constants and parameters replaced."""
    return " ".join(CONSTANT.sub("?", statement).split())
