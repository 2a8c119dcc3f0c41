"""Goals of the benchmarks; a missed goal is reported and fails nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.contracts.topics import SERVICES
from tests.benchmarks.harness import Result, print_line


@dataclass(frozen=True, slots=True)
class Goal:
    """A bar for one figure of a result: a lower bound, or an upper one if `at_most`."""

    name: str
    bar: float
    figure: Callable[[Result], float | None]
    at_most: bool = False

    def reached(self, figure: float) -> bool:
        return figure <= self.bar if self.at_most else figure >= self.bar


JOURNEY = (
    Goal("journeys a second", 2_000, lambda found: found["journeys_per_second"]),
    Goal("of the floor", 0.5, lambda found: found.get("share_of_the_floor")),
    Goal("times the baseline", 10, lambda found: found.get("times_the_baseline")),
    Goal("MB of the largest service", 250, lambda found: max(found["rss_mb"][name] for name in SERVICES), at_most=True),
    Goal("bytes of WAL a journey", 7_000, lambda found: found["wal_bytes_per_journey"], at_most=True),
    Goal("bytes on disk a journey", 4_500, lambda found: found["disk_bytes_per_journey"], at_most=True),
)
LATENCY = (
    Goal("ms at p99, 1,000 journeys/s", 100, lambda found: _p99(found, "1000"), at_most=True),
    Goal("ms at p99, idle", 30, lambda found: _p99(found, "idle"), at_most=True),
)
BLOCKS = (
    Goal(
        "ms at most from a block to an instruction",
        1000,
        lambda found: found["after_the_block"]["max_ms"],
        at_most=True,
    ),
    Goal("ms at most from commit to append", 1000, lambda found: found["on_the_way"]["max_ms"], at_most=True),
)
HALTS = (
    Goal(
        "ms at most from a halt to an instruction",
        1000,
        lambda found: found["after_the_halt"]["max_ms"],
        at_most=True,
    ),
)
DRAIN = (
    Goal("of a partner's rate", 0.9, lambda found: found["share_of_the_rate"]),
    Goal("MB of payment", 250, lambda found: found["payment_mb"]["most"], at_most=True),
)
GROWTH = (Goal("of the rate when empty, with much stored", 0.9, lambda found: found["share_of_the_rate_when_empty"]),)
OVERHEAD = (
    Goal("% more processor time with sweeps and scrapes", 5, lambda found: found["more_cpu_percent"], at_most=True),
)


def _p99(result: Result, offered: str) -> float | None:
    found: float | None = result["offered"].get(offered, {}).get("p99_ms")
    return found


def compare_with_goals(goals: Iterable[Goal], result: Result) -> list[Result]:
    """Print and return each goal that could be measured."""
    found = []
    for goal in goals:
        if (figure := goal.figure(result)) is None:
            continue
        reached = goal.reached(figure)
        word = "reached" if reached else "missed"
        print_line(f"  {goal.name}: {figure:,g}, {'at most' if goal.at_most else 'at least'} {goal.bar:,g}: {word}")
        found.append({"goal": goal.name, "bar": goal.bar, "figure": figure, "reached": reached})
    return found
