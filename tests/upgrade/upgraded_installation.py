"""Queries of an upgraded installation."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import httpx

from deploy.local.installation import Installation
from tests.acceptance.outsider import Outsider
from tests.upgrade.snapshot import Snapshot

PATIENCE_SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UpgradedInstallation:
    """The upgraded installation, the outside world, and the notes on the people of before."""

    installation: Installation
    outside: Outsider
    snapshot: Snapshot

    def person(self, name: str) -> str:
        return self.snapshot.people[name]["participant_id"]

    def code(self, name: str, training: str = "") -> str:
        return self.snapshot.people[name]["redeem_code" + training]

    def run(self, service: str, *verb: str) -> subprocess.CompletedProcess[str]:
        return self.installation.services[service].run(*verb)

    def audit_trail(self, service: str, name: str) -> dict[str, Any]:
        """Return the audit trail that a service shows of a person; empty if it knows none."""
        url = f"{self.installation.services[service].url}/participants/{self.person(name)}"
        answer = httpx.get(url, timeout=10)
        shown: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {}
        return shown

    def disbursement(self, name: str, benefit: str, training: str = "") -> dict[str, Any]:
        """Return a disbursement as payment shows it; empty if there is none."""
        wanted = (self.code(name, training), benefit)
        for one in self.audit_trail("payment", name).get("disbursements", []):
            if (one["redeem_code"], one["benefit"]) == wanted:
                found: dict[str, Any] = one
                return found
        return {}

    async def in_session(self, service: str, query: Callable[[Any], Awaitable[T]]) -> T:
        """Return the result of a query under the role of a service."""
        connection = await asyncpg.connect(self.installation.role_postgres_url(service))
        try:
            return await query(connection)
        finally:
            await connection.close()

    def parked(self, service: str, reason: str, kind: str) -> None:
        """Wait until a record of this type is parked for this reason."""
        self.outside.await_event(
            f"dead-letters.{service}",
            lambda _, data: (data.get("reason"), data.get("ce_type")) == (reason, kind),
            f"{service} parks {kind} as {reason}",
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"did not come true in {PATIENCE_SECONDS:g} s: {what}"
            time.sleep(0.1)
