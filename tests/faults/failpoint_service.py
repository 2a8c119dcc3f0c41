"""Run a service that gets a signal at a failpoint.

`python -m tests.faults.failpoint_service payment after_commit SIGKILL`. The failpoints are in production code too,
where nothing listens to them.
"""

import os
import runpy
import signal
import sys

from shared.messaging import failpoint


def arm_failpoint(point: str, fault_signal: signal.Signals) -> None:
    """Send the signal to this process when it first reaches the point, and never again."""
    reached = False

    def on_failpoint(here: str) -> None:
        nonlocal reached
        if here == point and not reached:
            reached = True
            os.kill(os.getpid(), fault_signal)

    failpoint.listen(on_failpoint)


if __name__ == "__main__":
    service, point, fault_signal = sys.argv[1:]
    arm_failpoint(point, signal.Signals[fault_signal])
    sys.argv = [service, "run"]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)
