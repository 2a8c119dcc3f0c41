"""`python -m deploy.demo`: exits 0 only if it balances, with nothing lost, nothing doubled and nothing else wrong.

PEOPLE and SEED can be set.
"""

import logging
import os
import signal
import sys

from rich.console import Console

from deploy.demo.run import Demo
from deploy.local.jars import kafka_jars
from deploy.local.paths import VAR

INTERRUPTED = 130


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The broker goes away on purpose; what its clients say about that is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    people, seed = int(os.environ.get("PEOPLE", "3000")), int(os.environ.get("SEED", "7"))
    console.print(f"[bold]Salur[/]: {people:,} people of wave 48, seed {seed}", highlight=False)
    kafka_jars()
    try:
        return 0 if Demo(VAR / "demo", people, seed, console).run() else 1
    except KeyboardInterrupt:
        console.print("interrupted; nothing is left running")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
