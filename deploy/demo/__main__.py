"""`python -m deploy.demo`: exits 0 only if it balances, with nothing lost, nothing doubled and nothing else wrong.

PEOPLE and SEED can be set.
"""

import asyncio
import logging
import os
import sys

from rich.console import Console

from deploy.demo.run import Demo
from deploy.local.alone import AlreadyRunning, alone
from deploy.local.interruptible import interruptible
from deploy.local.jars import kafka_jars
from deploy.local.paths import VAR
from deploy.local.wishes import Refused, number_wished

INTERRUPTED = 130


def main() -> int:
    # The broker goes away on purpose; what its clients say about that is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    try:
        people = number_wished(os.environ, "PEOPLE", 3000, 1, 1_000_000)
        seed = number_wished(os.environ, "SEED", 7, 0, 10**9)
        console.print(f"[bold]Salur[/]: {people:,} people of wave 48, seed {seed}", highlight=False)
        with alone(VAR / "demo.lock"):
            kafka_jars()
            demo = Demo(VAR / "demo", people, seed, console)
            return 0 if asyncio.run(interruptible(demo.run(), console.print)) else 1
    except (AlreadyRunning, Refused) as refusal:
        console.print(f"make demo: {refusal}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; nothing is left running")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
