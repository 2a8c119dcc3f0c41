"""Runs a service that kills itself at a named point: `python -m tests.faults.armed payment after_commit 3`.

The points are reached in production too, where nobody listens.
"""

import os
import runpy
import signal
import sys

from shared.messaging import probe


def arm(point: str, time: int) -> None:
    """The process dies when the point is reached for the nth time."""
    reached = 0

    def listen(here: str) -> None:
        nonlocal reached
        if here == point:
            reached += 1
            if reached == time:
                os.kill(os.getpid(), signal.SIGKILL)

    probe.listen(listen)


if __name__ == "__main__":
    service, point, time = sys.argv[1:]
    arm(point, int(time))
    sys.argv = [service, "run"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
