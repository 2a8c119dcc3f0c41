"""Run a service that is struck at a named point.

`python -m tests.faults.failpoint_service payment after_commit SIGKILL`.

The points are reached in production too, where nobody listens.
"""

import os
import runpy
import signal
import sys

from shared.messaging import failpoint


def arm_failpoint(point: str, fault_signal: signal.Signals) -> None:
    """The process gets the signal when the point is reached for the first time: whether it is ever reached again is
    left to chance."""
    struck = False

    def on_failpoint(here: str) -> None:
        nonlocal struck
        if here == point and not struck:
            struck = True
            os.kill(os.getpid(), fault_signal)

    failpoint.listen(on_failpoint)


if __name__ == "__main__":
    service, point, blow = sys.argv[1:]
    arm_failpoint(point, signal.Signals[blow])
    sys.argv = [service, "run"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
