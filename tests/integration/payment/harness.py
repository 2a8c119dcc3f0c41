"""Harness: the payment service on a real database, with what the engine does around a transaction, without Kafka."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from asyncpg import Connection
from joserfc.jwk import OctKey

from services.payment.app import context_of, definition
from services.payment.context import Context
from services.payment.domain.reference import lane_in
from services.payment.handlers.approvals import approve, confirm_payment
from services.payment.settings import PaymentSettings
from shared.contracts import payment
from shared.contracts.events import EventType
from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES, TOPICS, lane_of
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.engine.plan import CommittedBatch
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.outbox.store import page_of
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.dispatch import dispatch
from shared.messaging.transaction.lane import insert_rows
from shared.messaging.transaction.session import EngineSession, TransactionBody
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction, TransactionTerms
from shared.runtime.definition import ServiceDefinition
from tests.builders import LATER, Event, a_provider, chain_key, funds, keys_folder
from tests.infrastructure import Database, sealing_of
from tests.integration.payment.facts import PARTICIPANT, reported

ALL_LANES = range(LANES)
_offsets = count(1)


@dataclass(frozen=True)
class Instruction:
    """Instruction to a partner, its account opened with the partner's key."""

    partner: str
    reference: str
    amount: int
    benefit: str
    number: str
    sealed: str


@dataclass
class PaymentHarness:
    """Session of the service. `announced` collects the events of `payment.events`, as (name, data)."""

    connection: Connection
    session: EngineSession
    definition: ServiceDefinition
    decoder: Decoder
    terms: TransactionTerms
    context: Context
    now: datetime = LATER
    announced: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    status_requests: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    async def receive(self, *events: Event, broken: bool = False) -> None:
        """Process one batch; a `broken` one fails after its last handler, as if Postgres had gone away."""
        decoded = [self.decoder.decode(event.record(next(_offsets)), self.now) for event in events]

        async def body(tx: Transaction) -> None:
            await dispatch(tx, self.decoder, decoded)
            if broken:
                raise ConnectionResetError

        lanes = {item.message.lane for item in decoded if item.message and item.message.lane is not None}
        await self._run(lanes, body)
        committed = CommittedBatch(0.0, len(decoded), {item.message.type: 0.0 for item in decoded if item.message})
        for measure in self.definition.collectors:
            measure.observe(committed)

    async def prepare(self, **rupiah: int) -> None:
        """Register a provider with an account, and appropriate money for both components, unless given otherwise."""
        amounts = {"training": 10**9, "incentive": 10**9} | rupiah
        await self.receive(a_provider(), *(funds("48", name, rupiah=amount) for name, amount in amounts.items()))

    async def sweep(self, *names: str, lanes: Sequence[int] = ALL_LANES, read_through: datetime | None = None) -> int:
        """Run the timers, or those whose names begin so, until nothing is due; return how much was done."""
        done = 0
        for timer in self.definition.timers:
            if names and not timer.name.startswith(names):
                continue
            while portion := await self._portion(timer.sweep, lanes, read_through):
                done += portion
        return done

    async def _portion(self, sweep: Any, lanes: Sequence[int], read_through: datetime | None) -> int:
        done = 0

        async def body(tx: Transaction) -> None:
            nonlocal done
            done = await sweep(tx, lanes)

        await self._run(set(lanes), body, read_through)
        return done

    async def operate(
        self, action: Callable[..., Awaitable[Outcome]], *arguments: Any, who: str = "the night shift"
    ) -> bool:
        """Run an operation in a transaction; return True if anything changed."""
        connection = self.session.connection
        async with connection.transaction():
            outcome = await action(connection, Operator(who, "a call", self.now, self.terms.chain), *arguments)
        await self.note_pages()
        return outcome.changed

    async def note_pages(self) -> None:
        """Collect pages that were not written by this session."""
        known = {(page.topic, page.lane, page.first_sequence) for page in self.pages}
        for row in await self.connection.fetch("select * from page where not adopted order by topic, first_sequence"):
            if (row["topic"], row["lane"], row["first_sequence"]) not in known:
                self._note(page_of(row))

    async def approve(self, code: str, benefit: str, *people: str) -> None:
        """Approve the next attempt as each of these persons, one after the other."""
        limit = PaymentSettings.model_validate(self.definition.settings).approval_above_rupiah
        for who in people or ("Ani", "Budi"):
            await self.operate(approve, limit, code, benefit, who=who)

    async def confirm(self, reference: str, *people: str) -> None:
        """Confirm the payment as each of these persons, one after the other."""
        for who in people or ("Ani", "Budi"):
            await self.operate(partial(confirm_payment, self.context, self.terms, reference), who=who)

    async def report(self, reference: str, status: str, reason: str | None = None, **changes: Any) -> None:
        """Send a report of the partner that was instructed."""
        await self.receive(self.answer(reference, status, reason, **changes))

    def answer(self, reference: str, status: str, reason: str | None = None, **changes: Any) -> Event:
        instruction = next(i for i in self.instructions if i.reference == reference)
        partner, amount = changes.get("partner", instruction.partner), changes.get("amount", instruction.amount)
        return reported(partner, reference, status, amount, reason)

    async def adopt(self, pages: Sequence[Page], *, whole: bool = True) -> None:
        """Adopt pages of our own topics that the outbox lacks after a restore."""
        adopt = self.definition.adopt
        assert adopt is not None
        for page in pages:

            async def body(tx: Transaction, page: Page = page) -> None:
                await adopt(tx, Tail(page.topic, page.lane, [page], whole))

            await self._run(set(ALL_LANES), body)

    async def _run(self, lanes: set[int], body: TransactionBody, read_through: datetime | None = None) -> None:
        pages = await self.session.transact(lanes, body, now=self.now, watermark=read_through or self.now)
        for page in pages:
            self._note(page)

    def _note(self, page: Page) -> None:
        if page.topic.startswith("dead-letters"):
            return
        self.pages.append(page)
        for event in page.events:
            _assert_matches_contract(page.topic, event)
            data = json.loads(event.data)
            if page.topic == "payment.events":
                self.announced.append((event.type.split(".")[2].removeprefix("disbursement_"), data))
            elif event.type.endswith("status_requested.v1"):
                self.status_requests.append(data["reference"])
            else:
                self.instructions.append(_opened(page.topic.partition(".")[2], page.lane, data))

    def event_names(self, benefit: str) -> list[str]:
        """Return the names of a benefit's events, in order; a hold with its reason."""
        return [
            f"{name}({data['reason']})" if name == "held" else name
            for name, data in self.announced
            if data["benefit"] == benefit
        ]

    def instructions_for(self, benefit: str) -> list[Instruction]:
        return [i for i in self.instructions if i.benefit == benefit]

    async def state(self, benefit: str, code: str | None = None) -> str:
        """Return `settled`, or `held(no_funds)`; empty if nothing is due."""
        row = await self.connection.fetchrow(
            "select state, reason from disbursement where benefit = $1 and ($2::text is null or redeem_code = $2)",
            benefit,
            code,
        )
        return "" if row is None else f"{row['state']}({row['reason']})" if row["reason"] else row["state"]

    async def parked(self) -> list[str]:
        rows = await self.connection.fetch("select reason from parked order by id")
        return [row["reason"] for row in rows]

    async def halts(self) -> list[str]:
        return [row["scope"] for row in await self.connection.fetch("select scope from halt order by scope")]

    async def balance(self, account: str) -> int:
        """Return the balance of an account by the transfers, over all waves."""
        query = "select coalesce(sum(case when debit = $1 then amount else -amount end), 0) from transfer"
        return int(await self.connection.fetchval(f"{query} where $1 in (debit, credit)", account))

    async def forget_contradictions(self) -> None:
        """Delete contradictions, which stay a breach for ever where partners have paid twice."""
        await self.connection.execute("alter table contradiction disable trigger user; delete from contradiction")

    async def breaches(self) -> list[str]:
        checks = (sealing_of("payment").invariant(), *self.definition.invariants)
        return [breach for invariant in checks for breach in await invariant.check(self.connection)]


@dataclass
class Restored:
    """Service before a restore, and on a database that knows nothing of its events."""

    before: PaymentHarness
    after: PaymentHarness

    async def adopt(self, *, whole: bool = True) -> None:
        await self.after.adopt(self.before.pages, whole=whole)

    async def catching_up(self, since: object) -> None:
        query = "update lane set catching_up_since = $1 where lane = $2"
        await self.after.connection.execute(query, since, lane_of(PARTICIPANT))


async def create_harness(database: Database, **settings: Any) -> PaymentHarness:
    """Migrate a database and open a session in it."""
    writer, owner = await database.sessions("payment")
    chosen = PaymentSettings(keys_folder=keys_folder(), **settings)
    service = definition(chosen)
    await insert_rows(writer, service.own_topics)
    decoder = Decoder(service.sources)
    terms = TransactionTerms(
        service="payment",
        vault=KeyRing({"test": OctKey.generate_key(256, {"kid": "test"})}),
        chain=chain_key("payment"),
        internal_topics=frozenset(topic.name for topic in TOPICS if topic.internal),
        wait_at_most=timedelta(hours=24),
        waiting_per_key=1000,
        batch_records=3000,
    )
    return PaymentHarness(
        owner, EngineSession(writer, terms, decoder, lambda: 1), service, decoder, terms, context_of(chosen)
    )


def _assert_matches_contract(topic: str, event: OutboxEvent) -> None:
    """Assert that the data is, byte for byte, what its contract model writes."""
    to = payment.EVENTS if topic == "payment.events" else payment.TO_PARTNERS
    event_type: EventType[Any] = next(one for one in to if one.name == event.type)
    assert event_type.dump(event_type.parse(event.data)) == event.data


def _opened(partner: str, lane: int, data: dict[str, Any]) -> Instruction:
    """Open an instruction as the partner does, and check the lane and the reference that it is bound to."""
    sealed = data["payee"]["account"]
    claims = KeyRing.load(keys_folder() / f"{partner}.jwks.json").open(sealed)
    assert claims["sub"] == data["reference"]
    assert lane_in(data["reference"], LANES) == lane
    return Instruction(
        partner, data["reference"], data["amount"]["value"], data["benefit"], str(claims["number"]), sealed
    )
