"""Processor time of a journey against an earlier revision: `python -m tests.benchmarks.pairs REVISION`.

The journey benchmark runs with this code and with a checkout of the revision, in pairs of alternating order: the speed
of a shared machine drifts. Each pair has a seed of its own; both of a pair have the same journeys.

The environment may set PAIRS, JOURNEYS (a run) and SEED.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

from deploy.local.paths import CACHE, ROOT
from tests.benchmarks.harness import STOPPED, Result, number_of, print_line, write_result

PAIRS, COUNT, SEED = number_of("PAIRS", 6), number_of("JOURNEYS", 20_000), number_of("SEED", 7)
FIGURES = ("cpu_us_per_journey", "wal_bytes_per_journey", "disk_bytes_per_journey", "journeys_per_second")


def main(revision: str) -> int:
    """Run the pairs and write their figures; return 0 if the invariants held in each run."""
    try:
        with _checkout(revision) as before:
            pairs = [_run_pair(before, number) for number in range(PAIRS)]
    except KeyboardInterrupt:
        print_line("stopped; nothing was measured")
        return STOPPED
    result = {"revision": revision, "cores": os.cpu_count(), **_summary(pairs), "pairs": pairs}
    write_result("pairs", result)
    return 0 if result["invariants_hold"] else 1


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    """Check the revision out beside this one; both use the same downloads."""
    with tempfile.TemporaryDirectory(prefix="salur-pairs-") as parent:
        folder = Path(parent) / "before"
        _git("worktree", "add", "--detach", str(folder), revision)
        try:
            (folder / "var").mkdir()
            (folder / "var" / "cache").symlink_to(CACHE)
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True)  # noqa: S607 - wherever git is


def _run_pair(before: Path, number: int) -> dict[str, Result]:
    order = (("before", before), ("now", ROOT)) if number % 2 else (("now", ROOT), ("before", before))
    found = {name: _run(folder, SEED + number) for name, folder in order}
    shown = ", ".join(f"{name} {sum(one['cpu_us_per_journey'].values()):.0f} us" for name, one in found.items())
    print_line(f"pair {number + 1} of {PAIRS}: {shown}")
    return found


def _run(folder: Path, seed: int) -> Result:
    """Run the journey benchmark of a checkout and return its figures."""
    wanted = {"RUNS": "1", "JOURNEYS": str(COUNT), "SEED": str(seed), "FLOOR_JOURNEYS": "0", "BASELINE_JOURNEYS": "0"}
    command = [sys.executable, "-m", "tests.benchmarks.journey"]
    subprocess.run(command, cwd=folder, env=os.environ | wanted, check=False, stdout=subprocess.DEVNULL)
    written = json.loads((folder / "var" / "bench" / "journey.json").read_text())
    return {name: written[name] for name in (*FIGURES, "invariants_hold")}


def _summary(pairs: list[dict[str, Result]]) -> Result:
    totals = {name: [sum(pair[name]["cpu_us_per_journey"].values()) for pair in pairs] for name in ("before", "now")}
    growth = [now / before - 1 for before, now in zip(totals["before"], totals["now"], strict=True)]
    return {
        "cpu_us_per_journey": {name: round(mean(found), 1) for name, found in totals.items()},
        "more_cpu_percent": round((mean(totals["now"]) / mean(totals["before"]) - 1) * 100, 1),
        "more_cpu_percent_by_pair": [round(one * 100, 1) for one in growth],
        "invariants_hold": all(one["invariants_hold"] for pair in pairs for one in pair.values()),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("name the revision to compare with: python -m tests.benchmarks.pairs REVISION")
    sys.exit(main(sys.argv[1]))
