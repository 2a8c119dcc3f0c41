"""The payment service on Postgres, moved and seen from outside as the model in memory is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from services.payment.app import definition
from services.payment.domain.eligibility import ALL_PARTNERS
from services.payment.handlers.approvals import approve, confirm_payment
from services.payment.handlers.claims import record_repayment
from services.payment.handlers.halts import halt, resume
from services.payment.settings import PaymentSettings
from shared.errors import Refused
from shared.messaging.transaction.decoder import Decoder
from tests.builders import Event, a_provider, funds
from tests.integration.payment.facts import (
    blocked,
    completed,
    confirmed,
    erased,
    linked,
    rated,
    reported,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness
from tests.model.disbursement.subject import Account, Instructed, Key, Moved, Said, Seen, Standing, Training
from tests.model.rules.facts import WAVE, Fact
from tests.properties.payment.database_reset import reset_database
from tests.properties.payment.test_money import OF_PARTNERS

T = TypeVar("T")
OF_TRAININGS: dict[str, Callable[..., Event]] = {
    "completed": completed,
    "rated": rated,
    "voided": voided,
    "revoked": revoked,
}
OF_PEOPLE: dict[str, Callable[..., Event]] = {"block": blocked, "unblock": unblocked, "erasure": erased}
TOLERATED = (
    *OF_PARTNERS,
    "is failed, and its partner reports",
    "has a milestone, and its enrollment has not been read",
)
"""Breaches that partners cause, and the wait of a milestone for its enrollment."""


class AsSubject:
    """The service in a database that is emptied first. `limit`: above it two persons approve."""

    def __init__(
        self,
        harness: PaymentHarness,
        loop: asyncio.AbstractEventLoop,
        trainings: Sequence[Training],
        limit: int,
        cut_off_at: datetime,
    ) -> None:
        self.harness, self.loop, self.limit, self.cut_off_at = harness, loop, limit, cut_off_at
        self.trainings = {one.code: one for one in trainings}
        self.links = 0
        self.moved: dict[tuple[int, int], Moved] = {}
        self.run(reset_database(harness))
        # As in a process that has just started: the one before remembers which cut-offs are stored.
        harness.decoder = Decoder(definition(PaymentSettings.model_validate(harness.definition.settings)).sources)

    def run(self, action: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await action

        return self.loop.run_until_complete(awaited())

    def receive(self, event: Event) -> None:
        self.run(self.harness.receive(event))

    def tell_time(self, now: datetime) -> None:
        self.harness.now = now

    def read(self, fact: Fact) -> None:
        if fact.kind in OF_PEOPLE:
            self.receive(OF_PEOPLE[fact.kind](fact.code, fact.at))
            return
        code, person, fee, incentive = self.trainings[fact.code]
        if fact.kind == "confirmed":
            terms = confirmed(person, code, wave=WAVE, fee=fee, incentive=incentive, cut_off_at=self.cut_off_at)
            self.receive(terms)
        else:
            self.receive(OF_TRAININGS[fact.kind](person, code, fact.at))

    def link(self, person: str, account: Account, _at: datetime) -> None:
        self.links += 1
        number, fit = account.number, {"verified": account.fit}
        self.receive(linked(person, partner=account.partner, number=number, day=self.links, **fit))

    def register(self, account: Account, version: int) -> None:
        self.receive(a_provider(number=account.number, version=version, account={"partner": account.partner}))

    def appropriate(self, component: str, amount: int) -> None:
        self.receive(funds(WAVE, component, rupiah=amount))

    def report(self, said: Said) -> None:
        self.receive(reported(said.partner, said.reference, said.status, said.amount, said.reason, said.at))

    def approve(self, key: Key, people: Sequence[str]) -> bool:
        return self._decide(people, approve, self.limit, *key)

    def confirm(self, reference: str, people: Sequence[str]) -> bool:
        before = self._count_confirmations()
        self._decide(people, partial(confirm_payment, self.harness.context, self.harness.terms, reference))
        return self._count_confirmations() > before

    def _count_confirmations(self) -> int:
        return int(self.run(self.harness.connection.fetchval("select count(*) from confirmation")))

    def _decide(self, people: Sequence[str], action: Any, *arguments: Any) -> bool:
        """Let these persons decide, one after the other, until one is refused; return True if that changed anything."""
        changed = False
        for who in people:
            try:
                changed |= self.run(self.harness.operate(action, *arguments, who=who))
            except Refused:
                break
        return changed

    def repay(self, reference: str) -> bool:
        query = "select number from money_claim where reference = $1 and state = 'open'"
        number = self.run(self.harness.connection.fetchval(query, reference))
        action = partial(record_repayment, self.harness.terms, f"{reference}-{number}", "SSBP-1")
        return self._decide(["ani"], action)

    def halt(self, scope: str | None) -> None:
        self.run(self.harness.operate(halt, scope or ALL_PARTNERS))

    def resume(self, scope: str | None) -> None:
        self.run(self.harness.operate(resume, scope or ALL_PARTNERS))

    def sweep(self) -> None:
        self.run(self.harness.sweep())

    def cut_off(self) -> None:
        for _ in range(2):
            self.sweep()

    def seen(self) -> Seen:
        return self.run(self._seen())

    async def _seen(self) -> Seen:
        fetch = self.harness.connection.fetch
        keys = {
            row["reference"]: (row["redeem_code"], row["benefit"])
            for row in await fetch("select reference, redeem_code, benefit from attempt")
        }
        standing = {
            (row["redeem_code"], row["benefit"]): Standing(row["state"], row["reason"], row["frozen"], row["attempt"])
            for row in await fetch("select * from disbursement")
        }
        for row in await fetch("select * from transfer order by lane, number"):
            moved = Moved(*(row[name] for name in Moved._fields))
            self.moved.setdefault((row["lane"], row["number"]), moved)
        instructed = [
            Instructed(one.reference, one.partner, one.amount, one.number, keys[one.reference])
            for one in self.harness.instructions
        ]
        told = [
            ((data["redeem_code"], data["benefit"]), "due" if name == "scheduled" else name)
            for name, data in self.harness.announced
            if not name.startswith("claim")
        ]
        return Seen(instructed, standing, list(self.moved.values()), told)

    def breaches(self) -> list[str]:
        found = self.run(self.harness.breaches())
        return [breach for breach in found if not any(one in breach for one in TOLERATED)]
