"""Arithmetic of the benchmarks: percentiles, goals, plans and profiles."""

import json

import pytest

from services.payment.store import QUERIES
from tests.benchmarks.cpu_profile import shares
from tests.benchmarks.goals import Goal, compare_with_goals
from tests.benchmarks.open_loop import percentiles
from tests.benchmarks.plans import read_plans, sequential_reads

LARGE = {"payment.transfer"}


def explained(statement: str, plan: dict[str, object], session: str = "payment-1") -> str:
    """Format a plan as auto_explain logs it: continued lines begin with a tab."""
    text = json.dumps({"Query Text": statement, "Plan": plan}, indent=2).replace("\n", "\n\t")
    head = f"2026-01-01 00:00:00.000 UTC payment@salur [{session}] LOG:  duration: 0.250 ms  plan:"
    return f"{head}\n\t{text}\n2026-01-01 next\n"


def test_percentile_is_a_measured_value() -> None:
    found = percentiles([number / 1000 for number in range(1, 101)])
    assert found == {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}


def test_plan_is_found_under_the_name_of_its_query() -> None:
    plan = {"Node Type": "Index Scan", "Relation Name": "transfer", "Index Name": "transfer_pkey"}
    found = read_plans(explained(QUERIES["load_transfers"], {"Node Type": "Limit", "Plans": [plan]}) * 2, LARGE)
    reads = ["payment.transfer: Index Scan transfer_pkey"]
    assert found == {"payment.load_transfers": {"times": 2, "ms": 0.25, "reads": reads}}
    assert sequential_reads(found, LARGE) == []


def test_full_scan_of_a_large_table_is_reported() -> None:
    found = read_plans(explained("select 1", {"Node Type": "Seq Scan", "Relation Name": "transfer"}), LARGE)
    assert sequential_reads(found, LARGE) == ["payment.select 1 reads payment.transfer: Seq Scan"]


def test_missing_plans_are_reported() -> None:
    assert sequential_reads({}, LARGE) == ["no plan was written down"]


def test_full_scan_of_a_small_table_is_allowed() -> None:
    assert read_plans(explained("select 1", {"Node Type": "Seq Scan", "Relation Name": "purse"}), LARGE) == {}


def test_invariant_checks_may_scan_large_tables() -> None:
    scan = explained("select 1", {"Node Type": "Seq Scan", "Relation Name": "transfer"}, "payment command")
    assert read_plans(scan, LARGE) == {}


@pytest.mark.parametrize(("figure", "reached"), [(9.9, False), (10, True)])
def test_goal_is_reached_at_its_bar(figure: float, reached: bool) -> None:
    goal = Goal("times", 10, lambda found: found["times"])
    assert compare_with_goals([goal], {"times": figure})[0]["reached"] is reached


def test_goal_without_a_figure_is_left_out() -> None:
    assert compare_with_goals([Goal("times", 10, lambda found: found.get("times"))], {}) == []


def test_sample_belongs_to_the_innermost_area() -> None:
    stacks = [
        "pay (services/payment/payout/pay.py:1);fetch (asyncpg/connection.py:1) 3",
        "run (shared/messaging/engine/engine.py:1);seal (shared/contracts/seals.py:1);encode (base64.py:1) 1",
    ]
    assert shares(stacks, 400) == {"Postgres: client": 300, "seals": 100}
