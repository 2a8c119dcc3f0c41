"""`make up`: a local installation, left running.

`CLOCK=2023-02-18T03:00:00Z` sets its clock, `PARTNERS=none` leaves the partner simulator out.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.installation import Installation, Ports
from deploy.local.paths import VAR
from deploy.local.ports import is_taken
from deploy.local.processes import DidNotStart
from deploy.local.running import ORDER, forget, still_running, write_down
from deploy.local.wishes import Refused, clock_wished, number_wished

# Each port: the setting that moves it, and where it is unless moved.
PORT_SETTINGS = {
    "kafka": ("SALUR_KAFKA_PORT", 19092),
    "postgres": ("SALUR_POSTGRES_PORT", 15432),
    "enrollment": ("ENROLLMENT_HTTP_PORT", 8081),
    "completion": ("COMPLETION_HTTP_PORT", 8082),
    "payment": ("PAYMENT_HTTP_PORT", 8083),
}


def main() -> None:
    """Start what is asked for in the environment; exits 1 with a reason if it cannot."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        up(VAR, os.environ)
    except (Refused, DidNotStart) as refusal:
        sys.exit(f"make up: {refusal}")
    except KeyboardInterrupt:
        sys.exit("make up: interrupted; what had started was stopped")


def up(folder: Path, wishes: Mapping[str, str]) -> Installation:
    """Start an installation in `folder` and leave it running; raises Refused before anything is started."""
    _refuse_if_running(folder / "run")
    ports = ports_wished(wishes)
    clock = clock_wished(wishes)
    partners = wishes.get("PARTNERS") or "simulated"
    if partners not in ("simulated", "none"):
        raise Refused("PARTNERS must be 'none' or left out")
    began = time.monotonic()
    installation = Installation(folder, ports, progress=lambda line: print(f"  {line}", flush=True))
    installation.set_clock(clock)
    try:
        installation.start()
        if partners == "simulated":
            installation.start_partners()
        write_down(installation.processes(), folder / "run")
    except BaseException:
        installation.stop()
        raise
    installation.write_environment(folder / "salur.env")
    print(f"Salur is up after {time.monotonic() - began:.0f} s. Addresses: {folder / 'salur.env'}")
    return installation


def ports_wished(wishes: Mapping[str, str]) -> Ports:
    """The ports as set or by default; raises Refused if one is taken or is no port."""
    chosen = {name: _port(name, wishes) for name in PORT_SETTINGS}
    if len(set(chosen.values())) < len(chosen):
        raise Refused(f"two of the ports are the same: {chosen}")
    return Ports(**chosen)


def _port(name: str, wishes: Mapping[str, str]) -> int:
    setting, default = PORT_SETTINGS[name]
    port = number_wished(wishes, setting, default, 1, 65535)
    if is_taken(port):
        raise Refused(f"port {port} for {name} is taken; move it with {setting}=<port> make up")
    return port


def _refuse_if_running(run: Path) -> None:
    alive = [process.name for process in still_running(run)]
    if not alive:
        forget(run)
        return
    gone = [name for name in ORDER if name not in alive and (run / f"{name}.json").exists()]
    if gone:
        raise Refused(f"only partly up ({', '.join(gone)} ended); run make down, then make up")
    raise Refused("already up; make down stops it")


if __name__ == "__main__":
    main()
