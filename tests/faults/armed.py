"""Runs a service that is struck at a named point: `python -m tests.faults.armed payment after_commit SIGKILL`.

The points are reached in production too, where nobody listens.
"""

import os
import runpy
import signal
import sys

from shared.messaging import probe


def arm(point: str, blow: signal.Signals) -> None:
    """The process gets the signal when the point is reached for the first time: whether it is ever reached again is
    left to chance."""
    struck = False

    def listen(here: str) -> None:
        nonlocal struck
        if here == point and not struck:
            struck = True
            os.kill(os.getpid(), blow)

    probe.listen(listen)


if __name__ == "__main__":
    service, point, blow = sys.argv[1:]
    arm(point, signal.Signals[blow])
    sys.argv = [service, "run"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
