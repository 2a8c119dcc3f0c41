"""`python -m deploy.demo`: exit 0 only if every payment balances, with nothing lost, doubled or otherwise wrong.

PEOPLE and SEED can be set in the environment.
"""

import asyncio
import logging
import os
import sys

from rich.console import Console

from deploy.demo.run import Demo
from deploy.local.instance_lock import AlreadyRunning, hold_lock
from deploy.local.interrupts import run_interruptible
from deploy.local.jars import kafka_jars
from deploy.local.options import number_option
from deploy.local.paths import VAR
from deploy.simulation.people import FIRST_ORDINARY
from shared.errors import Refused

INTERRUPTED = 130


def main() -> int:
    # The broker is restarted on purpose; its clients would log errors about that.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    try:
        people = number_option(os.environ, "PEOPLE", 3000, FIRST_ORDINARY, 1_000_000)
        seed = number_option(os.environ, "SEED", 7, 0, 10**9)
        console.print(f"[bold]Salur[/]: {people:,} participants of two schemes, seed {seed}", highlight=False)
        with hold_lock(VAR / "demo.lock"):
            kafka_jars()
            demo = Demo(VAR / "demo", people, seed, console)
            return 0 if asyncio.run(run_interruptible(demo.run(), console.print)) else 1
    except (AlreadyRunning, Refused) as refusal:
        console.print(f"make demo: {refusal}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; every process was stopped")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
