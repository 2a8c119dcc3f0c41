"""Write the figures of var/bench/*.json into docs/performance.md: `python -m tests.benchmarks.tables`.

A table stands between `<!-- name -->` and `<!-- /name -->`; without a result of that name it stays unchanged.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from deploy.local.paths import ROOT, VAR
from shared.contracts.topics import SERVICES
from tests.benchmarks.harness import Result

PAGE = ROOT / "docs" / "performance.md"
PROCESSES = (*SERVICES, "kafka", "postgres")


def main() -> int:
    page = PAGE.read_text()
    for name, write in TABLES.items():
        source = VAR / "bench" / f"{name.partition('-')[0]}.json"
        if source.exists():
            lines = "\n".join(map(_wrapped, write(json.loads(source.read_text()))))
            page = re.sub(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", rf"\g<1>{lines}\n\g<2>", page, flags=re.DOTALL)
    PAGE.write_text(page)
    return 0


def _wrapped(line: str) -> str:
    return line if line.startswith("|") else textwrap.fill(line, 120)


def _journey(found: Result) -> Iterator[str]:
    runs, spread = found["runs"], found["spread"]
    yield f"{_environment(found)} {len(runs)} runs of {runs[0]['journeys']:,} journeys, one after the other."
    yield ""
    yield from _table(
        ("", "bar", "measured"),
        [
            ("journeys/s, median of the runs", "≥ 2,000", _number(found["journeys_per_second"])),
            ("journeys/s, lowest and highest run", "", f"{_number(spread['lowest'])} to {_number(spread['highest'])}"),
            ("the floor, journeys/s", "", _number(found.get("floor_journeys_per_second"))),
            ("share of the floor", "≥ 0.5", _number(found.get("share_of_the_floor"))),
            ("plain FastStream, journeys/s", "", _number(found.get("baseline_journeys_per_second"))),
            ("times plain FastStream", "≥ 10", _number(found.get("times_the_baseline"))),
            ("largest service, MB", "≤ 250", _number(max(found["rss_mb"][name] for name in PROCESSES[:3]))),
            ("WAL, bytes a journey", "≤ 7,000", _number(found["wal_bytes_per_journey"])),
            ("disk, bytes a journey", "≤ 4,500", _number(found["disk_bytes_per_journey"])),
            ("invariants", "hold", "hold" if found["invariants_hold"] else "BROKEN"),
        ],
    )


def _cpu(found: Result) -> Iterator[str]:
    beside = found.get("baseline", {}).get("cpu_us_per_journey", {})
    cpu, memory = found["cpu_us_per_journey"], found["rss_mb"]
    rows = [(name, _number(cpu[name]), _number(memory[name]), _number(beside.get(name))) for name in PROCESSES]
    together = (_number(sum(cpu.values())), "", _number(sum(beside.get(name, 0) for name in PROCESSES)))
    yield from _table(("process", "µs a journey", "MB", "baseline, µs a journey"), [*rows, ("together", *together)])


def _latency(found: Result) -> Iterator[str]:
    yield f"{_environment(found)} {found['seconds']} s at each rate, after {found['warm_up_seconds']:g} s of warm-up."
    yield ""
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms", "cores_busy", "journeys")
    rows = [(offered, *(_number(one[name]) for name in names)) for offered, one in found["offered"].items()]
    yield from _table(("journeys/s offered", "p50 ms", "p95 ms", "p99 ms", "longest", "cores busy", "journeys"), rows)
    yield ""
    yield "On the way, p50 and p99 in ms, each from the time at which what causes it had to be written:"
    yield ""
    legs = {name.split(".")[2]: name for name in next(iter(found["offered"].values()))["until"]}
    yield from _table(
        ("journeys/s offered", *legs),
        [
            (offered, *(f"{one['until'][leg]['p50_ms']:g}, {one['until'][leg]['p99_ms']:g}" for leg in legs.values()))
            for offered, one in found["offered"].items()
        ],
    )


def _blocks(found: Result) -> Iterator[str]:
    yield f"{_environment(found)} {found['seconds']} s at {found['offered']} journeys/s."
    yield ""
    names = {
        "after_the_block": "from the block's commit to the last instruction to that participant",
        "on_the_way": "from the commit of an instruction to its append",
        "sent_to_commit": "from the sending of a block to its commit in payment",
    }
    rows = [(label, *map(_number, found[name].values())) for name, label in names.items()]
    yield from _table(("ms", "p50", "p95", "p99", "longest"), rows)
    yield ""
    yield (
        f"{found['blocks']} blocks, {found['instructions']:,} instructions, "
        f"{found['left_after_a_block']} of them to participants whose block had been committed by then."
    )


def _halts(found: Result) -> Iterator[str]:
    yield f"{_environment(found)} {found['seconds']} s at {found['offered']} journeys/s."
    yield ""
    yield from _table(
        ("ms", "p50", "p95", "p99", "longest"),
        [("from the halt's commit to the last instruction", *map(_number, found["after_the_halt"].values()))],
    )
    yield ""
    yield (
        f"{found['halts']} halts of all, a partner or the wave; {found['instructions']:,} instructions, "
        f"{found['left_after_a_halt']} of them after a halt, {found['committed_after_a_halt']} of which were committed "
        "after it."
    )


def _drain(found: Result) -> Iterator[str]:
    yield f"{_environment(found)} {found['due']:,} incentives due at once, {found['per_second']:,} a second allowed."
    yield ""
    memory = found["payment_mb"]
    yield from _table(
        ("", "bar", "measured"),
        [
            ("instructed a second, on average", f"≤ {found['per_second']:,}", _number(found["instructed_per_second"])),
            ("share of the rate", "≥ 0.9", f"{found['share_of_the_rate']:g}"),
            ("most in one sweep", "", _number(found["largest_burst"])),
            ("payment, MB at the start", "", _number(memory["first"])),
            ("payment, MB at most", "≤ 250", _number(memory["most"])),
            ("payment, MB at the end", "", _number(memory["last"])),
            ("invariants", "hold", "hold" if found["invariants_hold"] else "BROKEN"),
        ],
    )


def _growth(found: Result) -> Iterator[str]:
    yield f"{_environment(found)} Filled in {found['seconds_to_fill']:g} s."
    yield ""
    stored = f"{found['stored']:,} journeys"
    labels = {
        "nearly_empty": "almost nothing",
        "full": stored,
        "full_while_checking": f"{stored}, while the invariants are checked after a start",
    }
    rates = {name: _number(found[name]["journeys_per_second"]) for name in labels}
    cpu = {name: _number(sum(found[name]["cpu_us_per_journey"][one] for one in PROCESSES)) for name in labels}
    rows = [(label, rates[name], cpu[name]) for name, label in labels.items()]
    yield from _table(("stored", "journeys/s", "µs a journey, all processes"), rows)


def _plans(found: Result) -> Iterator[str]:
    rows = [(f"`{name}`", _number(one["ms"]), "; ".join(one["reads"])) for name, one in found["plans"].items()]
    yield from _table(("query", "ms", "reads"), rows)


def _overhead(found: Result) -> Iterator[str]:
    busy, quiet = found["cpu_us_per_journey_with"], found["cpu_us_per_journey_without"]
    rows = [(name, _number(busy[name]), _number(quiet[name])) for name in PROCESSES]
    rows.append(("together", _number(sum(busy.values())), _number(sum(quiet.values()))))
    yield from _table(("µs a journey", "swept and scraped every second", "neither"), rows)
    yield ""
    yield f"That is {found['more_cpu_percent']:+g} %."


def _areas(found: Result) -> Iterator[str]:
    spent = found["us_per_journey"]
    areas = sorted({area for one in spent.values() for area in one}, key=lambda area: -_sum(spent, area))
    rows = [(area, *(_number(one.get(area)) for one in spent.values()), _number(_sum(spent, area))) for area in areas]
    yield from _table(("µs a journey", *spent, "together"), rows)
    yield ""
    largest = sorted((-us, area, name) for name, one in spent.items() for area, us in one.items())[:3]
    named = ", ".join(f"{area} in {name} ({_number(-us)} µs)" for us, area, name in largest)
    yield f"The three largest: {named}."


def _sum(spent: Result, area: str) -> float:
    return sum(float(one.get(area, 0.0)) for one in spent.values())


def _statements(found: Result) -> Iterator[str]:
    rows = [(f"`{name}`", _number(us)) for name, us in found["statements_us_per_journey"].items()]
    yield from _table(("statement", "µs a journey"), rows)


TABLES: dict[str, Callable[[Result], Iterable[str]]] = {
    "journey": _journey,
    "journey-cpu": _cpu,
    "latency": _latency,
    "blocks": _blocks,
    "halts": _halts,
    "drain": _drain,
    "growth": _growth,
    "growth-plans": _plans,
    "overhead": _overhead,
    "spending": _areas,
    "spending-statements": _statements,
}


def _environment(found: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"{found['cores']} cores, everything on the one machine; {versions}; fsync {found['fsync']}."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0") if value < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
