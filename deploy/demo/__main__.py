"""`python -m deploy.demo`: exits 0 only if it balances, with nothing lost, nothing doubled and nothing else wrong.

PEOPLE and SEED can be set.
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
from deploy.local.options import StartRefused, number_option
from deploy.local.paths import VAR

INTERRUPTED = 130


def main() -> int:
    # The broker goes away on purpose; what its clients say about that is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    try:
        people = number_option(os.environ, "PEOPLE", 3000, 1, 1_000_000)
        seed = number_option(os.environ, "SEED", 7, 0, 10**9)
        console.print(f"[bold]Salur[/]: {people:,} people of wave 48, seed {seed}", highlight=False)
        with hold_lock(VAR / "demo.lock"):
            kafka_jars()
            demo = Demo(VAR / "demo", people, seed, console)
            return 0 if asyncio.run(run_interruptible(demo.run(), console.print)) else 1
    except (AlreadyRunning, StartRefused) as refusal:
        console.print(f"make demo: {refusal}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; nothing is left running")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
