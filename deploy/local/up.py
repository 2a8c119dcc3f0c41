"""`make up`: start a local installation and leave it running; processes that run already stay as they are.

`CLOCK=2023-02-18T03:00:00Z` sets its clock, which otherwise continues from the stored time; `LEAP=1` lets it pass open
deadlines. `PARTNERS=none` leaves the partner simulator out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from deploy.local.installation import Installation, Ports
from deploy.local.keys import LostKeys, refuse_lost_keys
from deploy.local.leap import Leap, refuse_leap, time_shown
from deploy.local.next_steps import next_steps
from deploy.local.options import clock_option, number_option
from deploy.local.paths import VAR
from deploy.local.ports import is_taken
from deploy.local.process_registry import ORDER, end, forget, ports_of, save, still_running
from deploy.local.processes import DidNotStart, Process
from shared.contracts.topics import PARTNERS, SERVICES
from shared.errors import Refused

ENVIRONMENT_FILE = "salur.env"
# The setting and the default of each port.
PORT_SETTINGS = {
    "kafka": ("SALUR_KAFKA_PORT", 19092),
    "postgres": ("SALUR_POSTGRES_PORT", 15432),
    "enrollment": ("ENROLLMENT_HTTP_PORT", 8081),
    "completion": ("COMPLETION_HTTP_PORT", 8082),
    "payment": ("PAYMENT_HTTP_PORT", 8083),
}


def main() -> None:
    """Start what the environment asks for; exit 1 with a reason if that fails."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        up(VAR, os.environ)
    except (Refused, DidNotStart, Leap, LostKeys) as refusal:
        sys.exit(f"make up: {refusal}")
    except KeyboardInterrupt:
        sys.exit("make up: interrupted; what had started was stopped")


def up(folder: Path, environment: Mapping[str, str]) -> Installation:
    """Start the missing processes of the installation in `folder`, and leave them running.

    Raise Refused or LostKeys before anything is started; Leap or DidNotStart after stopping what was started.
    """
    running = still_running(folder / "run")
    names = {process.name for process in running}
    ports = chosen_ports(environment, _known_ports(folder / "run", running), names)
    clock, missing = clock_option(environment), _missing(environment, names)
    if clock is not None and names - {"kafka", "postgres"}:
        raise Refused("the clock cannot be moved while services are up; run make down, then make up with CLOCK")
    refuse_lost_keys(folder / "keys", (*SERVICES, *PARTNERS), data=(folder / "postgres" / "data").exists())
    installation = Installation(folder, ports, progress=lambda line: print(f"  {line}", flush=True))
    installation.attach(running)
    if not missing:
        _print_next_steps("Salur is up already.", installation)
        return installation
    began = time.monotonic()
    try:
        _start(installation, clock, leap=environment.get("LEAP") == "1")
        if "partners" in missing:
            installation.start_partners()
        save(installation.processes(), asdict(ports), folder / "run")
    except BaseException:
        for process in installation.processes():
            if process.name in missing:
                end(process)
        raise
    installation.write_environment(folder / ENVIRONMENT_FILE)
    _print_next_steps(f"Salur is up after {time.monotonic() - began:.0f} s.", installation)
    return installation


def _print_next_steps(headline: str, installation: Installation) -> None:
    print(headline, *next_steps(installation, installation.folder / ENVIRONMENT_FILE), sep="\n", flush=True)


def _missing(environment: Mapping[str, str], running: Collection[str]) -> list[str]:
    partners = environment.get("PARTNERS") or "simulated"
    if partners not in ("simulated", "none"):
        raise Refused("PARTNERS must be 'none' or left out")
    wanted = [name for name in ORDER if name != "partners" or partners == "simulated"]
    return [name for name in wanted if name not in running]


def _start(installation: Installation, clock: datetime | None, *, leap: bool) -> None:
    before = _time_before(installation, clock, leap=leap)
    installation.start_infrastructure()
    installation.prepare()
    if clock is not None:
        if before is not None:
            asyncio.run(refuse_leap(installation.postgres_url, before, clock))
        installation.set_clock(clock)
    installation.start_services()


def _time_before(installation: Installation, clock: datetime | None, *, leap: bool) -> datetime | None:
    """Return the time that the clock of existing data shows; None with new data, and where a leap was asked for."""
    has_data = (installation.postgres.folder / "data" / "PG_VERSION").exists()
    if not has_data or (clock is not None and leap):
        return None
    return time_shown(installation.clock_file)


def chosen_ports(
    environment: Mapping[str, str], known: Mapping[str, int] | None = None, running: Collection[str] = ()
) -> Ports:
    """Return each port as set, else as saved in `known`, else by default.

    Raise Refused if one is no port, is taken, or differs from the port of a process in `running`.
    """
    known = known or {}
    chosen = {
        name: _port(name, environment, known.get(name), is_up=_process_of(name) in running) for name in PORT_SETTINGS
    }
    if len(set(chosen.values())) < len(chosen):
        raise Refused(f"two of the ports are the same: {chosen}")
    return Ports(**chosen)


def _port(name: str, environment: Mapping[str, str], known: int | None, *, is_up: bool) -> int:
    setting, default = PORT_SETTINGS[name]
    port = number_option(environment, setting, known or default, 1, 65535)
    if is_up and port != known:
        raise Refused(f"{name} is up on port {known}; run make down, then make up with {setting}={port}")
    if not is_up and is_taken(port):
        raise Refused(f"port {port} for {name} is taken; move it with {setting}=<port> make up")
    return port


def _process_of(name: str) -> str:
    return name if name in ORDER else f"{name}-1"


def _known_ports(run: Path, running: Collection[Process]) -> Mapping[str, int] | None:
    if not running:
        forget(run)
        return None
    known = ports_of(run)
    if known is None:
        raise Refused("what is up was started by an earlier version; run make down, then make up")
    return known


if __name__ == "__main__":
    main()
