"""Replicas of services as child processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.paths import ROOT
from deploy.local.ports import LOOPBACK
from deploy.local.processes import DidNotStart, Process, refuse_taken
from shared.contracts.topics import SERVICES


def in_every_service(setting: str, value: str) -> dict[str, str]:
    """Return the environment that gives one setting of every service this value."""
    return {f"{service.upper()}_{setting}": value for service in SERVICES}


class ServiceReplica:
    """One replica of a service; `environment` is all it gets, and it answers HTTP on `port`.

    `migrate_url` is the database URL of its tables' owner, which the running service does not get.
    """

    def __init__(
        self, name: str, *, replica: str, port: int, environment: Mapping[str, str], migrate_url: str, log: Path
    ) -> None:
        self.name = name
        self.replica = replica
        self.port = port
        self.log = log
        self.migrate_url = migrate_url
        self.process: Process | None = None
        self.environment = {
            **environment,
            f"{name.upper()}_HTTP_PORT": str(port),
            f"{name.upper()}_REPLICA": replica,
        }

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def migrate(self) -> None:
        """Migrate the service's schema; raise DidNotStart with the command's output if that fails."""
        done = self.run("migrate", **{f"{self.name.upper()}_MIGRATE_URL": self.migrate_url})
        if done.returncode:
            raise DidNotStart(f"{self.name} could not migrate its schema\n{done.stdout}{done.stderr}")

    def start(self, seconds: float = 60.0) -> None:
        """Start the replica and return when it is ready."""
        self.launch()
        self.wait_ready(seconds)

    def launch(self) -> None:
        """Start the replica without waiting for it."""
        refuse_taken(self.port, self.replica)
        self.process = Process.start(
            self.replica, self.command("run"), log=self.log, environment=self.environment, folder=ROOT
        )

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait for `/health/ready`; otherwise kill the process and raise DidNotStart."""
        if self.process is None:
            raise DidNotStart(f"{self.replica} was not launched")
        try:
            self.process.wait_until(self.ready, seconds)
        except DidNotStart:
            self.process.kill()
            raise

    def ready(self) -> bool:
        """Tell whether `/health/ready` answers 200 now."""
        link = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(link):
            link.request("GET", "/health/ready")
            return link.getresponse().status == http.client.OK
        return False

    def stop(self, seconds: float = 30.0) -> bool:
        """Send SIGTERM; return whether the process ended in time, or else was killed."""
        return self.process is None or self.process.stop(seconds)

    def kill(self) -> None:
        """Send SIGKILL, as in a crash."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop the replica if it runs, and start it again under the same name."""
        self.stop()
        self.start()

    def run(self, *verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one verb of the service to its end, with its own environment and `environment`."""
        return subprocess.run(
            self.command(*verb),
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def verify(self) -> list[str]:
        """Return each breach that `verify` reports, or its error if it could not check."""
        done = self.run("verify", "--json")
        results = json.loads(done.stdout) if done.stdout.startswith("[") else []
        breaches = [
            f"{self.name}, {result['id']} {result['sentence']}: {breach}"
            for result in results
            for breach in result["breaches"]
        ]
        return breaches or ([f"{self.name}, verify: {done.stderr.strip()}"] if done.returncode else [])

    def command(self, *verb: str) -> list[str]:
        """Return the command line of one verb."""
        return [sys.executable, "-m", f"services.{self.name}", *verb]
