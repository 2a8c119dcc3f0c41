"""Runs a service that kills itself at a named point: `python -m tests.faults.armed payment after_commit`.

The points are reached in production too, where nobody listens.
"""

import os
import runpy
import signal
import sys

from shared.messaging import probe


def arm(point: str) -> None:
    """The process dies when the point is reached for the first time: how many batches follow is left to chance."""

    def listen(here: str) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGKILL)

    probe.listen(listen)


if __name__ == "__main__":
    service, point = sys.argv[1:]
    arm(point)
    sys.argv = [service, "run"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
