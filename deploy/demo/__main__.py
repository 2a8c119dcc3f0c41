"""`python -m deploy.demo`: exits 0 only if it balances, with nothing lost, nothing doubled and nothing else wrong."""

import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from deploy.demo.run import Demo
from deploy.local.jars import kafka_jars

FOLDER = Path("var/demo")


def main() -> int:
    console = Console()
    people, seed = int(os.environ.get("PEOPLE", "3000")), int(os.environ.get("SEED", "7"))
    console.print(f"Salur: {people:,} people of wave 48, seed {seed}", highlight=False)
    kafka_jars()
    demo = Demo(FOLDER.resolve(), people, seed, console)
    try:
        return 0 if asyncio.run(demo.run()) else 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130


if __name__ == "__main__":
    sys.exit(main())
