"""A partner that reports by a script, over Kafka, to real services that may be killed meanwhile."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from tests.acceptance.conftest import NOW
from tests.acceptance.every_payment import EveryPayment
from tests.acceptance.upstream import rupiah
from tests.integration.messaging.topic_contents import read_all
from tests.timeouts import until

PARTNER = "gopay"
# More than the time that a partner has to answer.
SILENCE = timedelta(minutes=20)
PATIENCE_SECONDS = 60.0


@dataclass
class ScriptedPartner(EveryPayment):
    """GoPay, and everybody else who is needed to have it instructed; it says nothing unless it is told to."""

    now: datetime = NOW

    def start(self, name: str) -> None:
        """Send all that has an incentive of this person instructed; the account first, so that it is known by then."""
        self.id(name)
        self.link(name, PARTNER)
        self.train(name)

    def instruct(self, name: str) -> None:
        """Have an incentive of this person instructed."""
        self.start(name)
        self.await_event("disbursement_instructed", name)

    def report_on(
        self, name: str, status: str, reason: str | None = None, *, more: int = 0, currency: str = "IDR"
    ) -> str:
        """Report on this person's first attempt; return the id of the report."""
        told = self.await_event("disbursement_instructed", name, attempt=1)
        reference: str = told["reference"]
        report = {
            "reference": reference,
            "status": status,
            "amount": {**rupiah(told["amount"]["value"] + more), "currency": currency},
            "reason": reason,
            "partner_reference": f"{PARTNER}-{reference[:4]}",
            "reported_at": "2023-03-20T00:00:00Z",
        }
        topic, kind = f"disbursement-reports.{PARTNER}", "salur.partner.disbursement_reported.v1"
        return self.outside.send(topic, f"/partners/{PARTNER}", kind, reference, report)

    def stay_silent(self) -> None:
        """Let the time to answer pass."""
        self.now += SILENCE
        self.installation.set_clock(self.now)

    async def until_read(self, name: str) -> None:
        """Wait until all earlier reports on this person are handled: one in a foreign currency, sent now, is parked."""
        marker = self.report_on(name, "settled", currency="USD")

        async def parked() -> bool:
            return (await self.parked([marker])) == ["invalid_field"]

        await until(parked, f"the reports on {name} are read", PATIENCE_SECONDS)

    async def parked(self, ids: list[str]) -> list[str | None]:
        """Return for each of these reports the reason for which it is parked, or None."""
        reasons = dict(await self._rows("select ce_id, reason from parked where ce_id = any($1)", ids))
        return [reasons.get(one) for one in ids]

    async def state(self, name: str) -> str:
        ((state, reason),) = await self._rows(
            "select state::text, reason::text from disbursement where redeem_code = $1 and benefit = 'incentive_1'",
            self.code(name),
        )
        return f"{state}({reason})" if reason else str(state)

    async def rupiah_paid(self, name: str) -> int:
        """Return the rupiah that the books show as paid to this person by the partner."""
        ((paid,),) = await self._rows(
            "select coalesce(sum(case when debit like 'paid:%' then t.amount else -t.amount end), 0)::bigint"
            " from transfer t join attempt a using (reference)"
            " where (debit like 'paid:%' or credit like 'paid:%') and redeem_code = $1 and benefit = 'incentive_1'",
            self.code(name),
        )
        return int(paid)

    async def events(self, name: str, expected: int) -> list[str]:
        """Return the events of this person's incentive in order, once there are as many; repeats count once."""
        about = {"redeem_code": self.code(name), "benefit": "incentive_1"}
        found = await self._records("payment.events", about, expected)
        return [f"{kind}({data['reason']})" if data.get("reason") else kind for kind, data in found]

    async def told(self, name: str, expected: int) -> list[str]:
        """Return what the partner was told about this person's first reference, as `events` does."""
        about = {"reference": self.await_event("disbursement_instructed", name, attempt=1)["reference"]}
        return [kind for kind, _ in await self._records(f"disbursements.{PARTNER}", about, expected)]

    async def _records(self, topic: str, about: Mapping[str, str], expected: int) -> list[tuple[str, dict[str, Any]]]:
        """Return name and data of the distinct records about somebody, once there are as many."""
        found: dict[bytes, tuple[str, dict[str, Any]]] = {}

        async def there() -> bool:
            for record in await read_all(self.installation.kafka.bootstrap, topic):
                headers, data = dict(record.headers), json.loads(record.value or b"{}")
                if about.items() <= data.items():
                    kind = headers["ce_type"].decode().split(".")[2].removeprefix("disbursement_")
                    found[headers["ce_id"]] = (kind, data)
            return len(found) >= expected

        await until(there, f"{expected} records about {about} on {topic}", PATIENCE_SECONDS, every=0.2)
        return list(found.values())

    async def _rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.installation.role_postgres_url("payment"))
        try:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()
