"""`make storm`: exit 0 only if everything drains and every invariant holds. MINUTES and SEED can be set."""

import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.demo.observer import Observed
from deploy.demo.plan import LEAPS
from deploy.local.instance_lock import AlreadyRunning, hold_lock
from deploy.local.interrupts import run_interruptible
from deploy.local.jars import kafka_jars
from deploy.local.paths import VAR
from tests.faults.world import running_world
from tests.storm.schedule import schedule
from tests.storm.storm import Storm

INTERRUPTED = 130
# Seconds that the backlog of a storm may take to drain after everything was repaired.
DRAIN_SECONDS = 300.0
# Seconds of faults after each leap of the clock, while deadlines pass and balances are forfeited.
LEAP_SECONDS = 20.0


async def run_storm(minutes: float, seed: int, console: Console, folder: Path) -> dict[str, Any]:
    """Run one storm and return its result."""
    faults = schedule(seed, minutes * 60)
    console.print(f"{len(faults)} faults in {minutes:g} minutes; the logs are in {folder}", highlight=False)
    async with running_world(folder) as world:
        world.patience_seconds = DRAIN_SECONDS
        with console.status("") as status:
            storm = Storm(world, seed, status.update)
            await storm.run(faults, minutes * 60)
            status.update("every fault is repaired; draining")
            drained = await _drain(storm)
            for number, moment in enumerate((LEAPS[0], LEAPS[-1]), 1):
                if not storm.trouble:
                    await storm.leap(moment, schedule(seed + number, LEAP_SECONDS), LEAP_SECONDS)
                    drained = max(drained, await _drain(storm))
        return {
            "seed": seed,
            "minutes": minutes,
            "faults": dict(sorted(storm.faults.items())),
            "faults_total": storm.faults.total(),
            "journeys": len(world.people),
            "payments_settled": sum(payment.is_received for payment in world.payments()),
            "changes_of_mind": _changes_of_mind(world.observer.seen),
            "invariants_hold": not storm.trouble,
            "trouble": storm.trouble,
            "seconds_to_drain": drained,
        }


async def _drain(storm: Storm) -> float:
    """Wait until all that is expected has come, check everything, and return the seconds that took."""
    repaired, drained = time.monotonic(), 0.0
    try:
        await storm.world.until_all_settled()
        await storm.world.until_read_to_the_end()
        drained = time.monotonic() - repaired
        await storm.world.assert_consistent()
    except AssertionError as broken:
        storm.trouble.append(str(broken))
    return round(drained or time.monotonic() - repaired, 1)


def _changes_of_mind(seen: Observed) -> dict[str, int]:
    """Count what happened besides the ordinary."""
    return {
        "voided": len(seen.voided),
        "revoked": len(seen.revoked),
        "blocked": len(seen.ever_blocked),
        "erased": len(seen.erased),
        "returned": len(seen.returned),
        "reopened": len(seen.completed & seen.expired.keys()),
        "balances_forfeited": sum(map(len, seen.forfeits.values())),
        "payments_forfeited": len(seen.held_before),
    }


def main() -> int:
    # Brokers are killed on purpose; Kafka's clients would log errors about that.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    minutes, seed = float(os.environ.get("MINUTES", "10")), int(os.environ.get("SEED", "7"))
    folder = Path(tempfile.mkdtemp(prefix="salur-storm-"))
    try:
        with hold_lock(VAR / "storm.lock"):
            kafka_jars()
            result = asyncio.run(run_interruptible(run_storm(minutes, seed, console, folder), console.print))
    except AlreadyRunning as refusal:
        console.print(f"make storm: {refusal}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; every process was stopped")
        shutil.rmtree(folder, ignore_errors=True)
        return INTERRUPTED
    written = VAR / "storm" / f"{seed}.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(result, indent=2) + "\n")
    console.print_json(data=result)
    if result["invariants_hold"]:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if result["invariants_hold"] else 1


if __name__ == "__main__":
    sys.exit(main())
