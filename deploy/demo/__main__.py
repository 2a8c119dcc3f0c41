"""`python -m deploy.demo`: exits 0 only if it balances, with nothing lost, nothing doubled and nothing else wrong.

PEOPLE and SEED can be set.
"""

import asyncio
import logging
import os
import signal
import sys

from rich.console import Console

from deploy.demo.run import Demo
from deploy.local.alone import AlreadyRunning, alone
from deploy.local.jars import kafka_jars
from deploy.local.paths import VAR

INTERRUPTED = 130


def main() -> int:
    # The broker goes away on purpose; what its clients say about that is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    people, seed = int(os.environ.get("PEOPLE", "3000")), int(os.environ.get("SEED", "7"))
    console.print(f"[bold]Salur[/]: {people:,} people of wave 48, seed {seed}", highlight=False)
    try:
        with alone(VAR / "demo.lock"):
            kafka_jars()
            return 0 if asyncio.run(_interruptible(Demo(VAR / "demo", people, seed, console))) else 1
    except AlreadyRunning as refusal:
        console.print(f"make demo: {refusal}", highlight=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; nothing is left running")
        return INTERRUPTED


async def _interruptible(demo: Demo) -> bool:
    """The first signal ends the demo in good order; further ones change nothing about that."""
    running = asyncio.create_task(demo.run())
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not running.cancelling():
            demo.console.print("stopping ...")
            running.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, interrupt)
    return await running


if __name__ == "__main__":
    sys.exit(main())
