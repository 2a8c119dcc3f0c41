"""Scenario of the demo: send the planned records and inject the faults, step by step."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.demo.audit import expected_entitlements, is_finished, not_parked
from deploy.demo.observer import TopicObserver
from deploy.demo.plan import LEAPS, ROGUE_PARTNER, DemoPlan
from deploy.demo.processes import in_thread
from deploy.demo.progress import ProgressDisplay
from deploy.demo.reopening import may_be_reopened, reopen
from deploy.demo.statements import FoundBreak, close_break, read_statements
from deploy.local.installation import Installation
from deploy.simulation.delivery import send
from deploy.simulation.outcome import expected_outcome
from deploy.simulation.partner import PartnerBehaviour
from deploy.simulation.people import LATE_PROVIDER, TIMELINE_ENDS_AT, Person

PORTIONS = 60
LOOK_EVERY_SECONDS = 0.2
QUIET_SECONDS = 25.0
# Share of all fees that must be settled before the next fault.
ROGUE_AT, KILL_AT, RESTART_AT, LATER_AT = 0.10, 0.25, 0.40, 0.55
STANDING_FAULTS = (
    "every event sent one to three times, out of order, across all topics",
    "malformed and hostile records mixed in",
    "partners that repeat, delay, reject and contradict themselves, lose instructions, and are silent until asked",
)


@dataclass(slots=True)
class DemoScenario:
    """A scenario played on an installation.

    `faults` lists the injected faults for the summary, `breaks` what the partners' statements have shown.
    `unsent` holds the keys of the first records not yet sent.
    """

    plan: DemoPlan
    installation: Installation
    producer: AIOKafkaProducer
    observer: TopicObserver
    console: Console
    behaviour: PartnerBehaviour
    progress: ProgressDisplay = field(init=False)
    totals: dict[str, int] = field(init=False)
    unsent: frozenset[bytes | None] = field(init=False)
    faults: list[str] = field(default_factory=list)
    breaks: list[FoundBreak] = field(default_factory=list)
    sent: int = 0
    now: datetime = TIMELINE_ENDS_AT

    def __post_init__(self) -> None:
        self.totals = self._totals()
        self.unsent = frozenset(one.key for one in self.plan.first)
        self.progress = ProgressDisplay(self.console, self.totals)

    async def run(self) -> None:
        """Play every step; return when all that is expected has been observed, or nothing more arrives."""
        sending = asyncio.create_task(self._send_first())
        tasks = (asyncio.create_task(self._show()), sending, asyncio.create_task(self._send_follow_ups()))
        try:
            await self._inject_faults()
            await sending
            await self._send_later()
            await self._until_quiet(lambda: is_finished(self.plan.people, self.observer.seen))
            await self._have_a_claim_repaid()
            await self._reconcile()
            await self._let_time_pass()
            # Leave time for events that nothing waits for, such as a second payment.
            await asyncio.sleep(2)
        finally:
            for task in tasks:
                task.cancel()
            # The caller closes the producer next; a failure of the sending must be collected before.
            await asyncio.gather(*tasks, return_exceptions=True)
            self.progress.show(self._numbers())
            self.faults.extend(STANDING_FAULTS)

    def _totals(self) -> dict[str, int]:
        """Return the expected final figures, in the order in which they are shown."""
        people, plan = self.plan.people, self.plan
        outcomes = [expected_outcome(person) for person in people]
        trainings = [training for outcome in outcomes for training in outcome.trainings]
        due = expected_entitlements(people, LEAPS[-1])
        settled = Counter(key[1] for key, must in due.items() if must.state == "settled")
        return {
            "events sent": len(plan.first) + len(plan.later) + plan.follow_ups.records_left,
            "admitted": sum(not outcome.refused for outcome in outcomes),
            "enrolled": sum(not training.rejected for training in trainings),
            "completed": sum(training.completed for training in trainings),
            "fees settled": settled["fee"],
            "incentives settled": settled["incentive_1"],
        }

    def _numbers(self) -> dict[str, int]:
        seen = self.observer.seen
        return {
            "events sent": self.sent,
            "admitted": len(seen.admitted),
            "enrolled": len(seen.enrolled),
            "completed": len(seen.completed),
            "fees settled": seen.count("fee", "settled"),
            "incentives settled": seen.count("incentive_1", "settled"),
        }

    async def _show(self) -> None:
        while True:
            self.progress.show(self._numbers())
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _send_first(self) -> None:
        records = self.plan.first
        size = -(-len(records) // PORTIONS)
        for start in range(0, len(records), size):
            part = records[start : start + size]
            await send(self.producer, part)
            self.sent += len(part)
            self.unsent = frozenset(one.key for one in records[start + size :])

    async def _send_follow_ups(self) -> None:
        """Take the further steps of people as the steps before are sent and observed: voids, blocks and others."""
        completion, to_reopen = self.installation.services["completion"], set[Person]()
        while self.plan.follow_ups.records_left or to_reopen:
            due = self.plan.follow_ups.take_due(self.observer.seen, self.now, self.unsent)
            await send(self.producer, due.records)
            self.sent += len(due.records)
            to_reopen.update(due.to_reopen)
            ready = {person for person in to_reopen if await in_thread(may_be_reopened, completion, person)}
            await asyncio.gather(*map(self._reopen, ready))
            to_reopen -= ready
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _reopen(self, person: Person) -> None:
        refusal = await in_thread(reopen, self.installation.services["completion"], person)
        if refusal:
            self.progress.print_line(f"[red]reopening failed:[/] {refusal}")

    async def _inject_faults(self) -> None:
        await self._fees_settled(ROGUE_AT)
        await self._send_rogue_report()
        await self._fees_settled(KILL_AT)
        await self._kill_payment()
        await self._fees_settled(RESTART_AT)
        await self._restart_kafka()
        await self._fees_settled(LATER_AT)

    async def _send_rogue_report(self) -> None:
        self._fault(f"{ROGUE_PARTNER} reports a payment that it was never instructed to make, and is halted")
        await send(self.producer, [self.plan.rogue_report])

    async def _kill_payment(self) -> None:
        self._fault("the payment service is killed with SIGKILL during its work, and started again")
        service = self.installation.services["payment"]
        await in_thread(service.kill)
        await in_thread(service.launch)

    async def _restart_kafka(self) -> None:
        self._fault("the Kafka broker is restarted under full load")
        await in_thread(self.installation.kafka.restart)

    async def _send_later(self) -> None:
        """Send the cures and the hostile records, then resume the halted partner."""
        seen, totals = self.observer.seen, self.totals
        await self._until_quiet(
            lambda: seen.parked["unknown_reference"] > 0 and len(seen.enrolled) == totals["enrolled"]
        )
        self.progress.print_line(
            f"the treasury sends the rest of the money, {LATE_PROVIDER} registers, people correct their accounts"
        )
        await send(self.producer, self.plan.later)
        self.sent += len(self.plan.later)
        halted = sum(1 for key in seen.states if seen.states[key] == "held" and seen.reasons[key] == "halted")
        self.progress.print_line(
            f"an operator has compared {ROGUE_PARTNER}'s statement and resumes it: {halted} payments were held"
        )
        why = f"statement of {ROGUE_PARTNER} compared, the reported reference was never issued"
        await in_thread(self._operate, "resume", "--partner", ROGUE_PARTNER, "--who", "demo", "--why", why)

    async def _have_a_claim_repaid(self) -> None:
        """Record that the smallest claim on a provider was repaid."""
        claims = [claim for claim in self.observer.seen.claims.values() if claim.debtor == "provider"]
        if not claims:
            return
        claim = min(claims, key=lambda one: (one.amount, one.id))
        self.progress.print_line(f"a provider pays back the fee of a training that was {claim.reason}")
        how = ("--document", "SP2D-23-R1", "--who", "demo", "--why", "statement of the treasury", "--yes")
        await in_thread(self._operate, "claims", "repaid", claim.id, *how)
        await self._until_quiet(lambda: any(one.repaid for one in self.observer.seen.claims.values()))

    async def _reconcile(self) -> None:
        """Read the partners' statements; halt each partner that has paid twice until the break is closed."""
        self.progress.print_line("the treasury reads the statements of all partners")
        self.breaks = await in_thread(lambda: list(read_statements(self.installation)))
        for partner in sorted({found.partner for found in self.breaks}):
            of_partner = [found for found in self.breaks if found.partner == partner]
            payments = "a payment" if len(of_partner) == 1 else f"{len(of_partner)} payments"
            what = f"{partner} has made {payments} twice, as its statement shows"
            self._fault(f"{what}, and is halted")
            await in_thread(self._operate, "halt", "--partner", partner, "--who", "demo", "--why", what)
            for found in of_partner:
                await in_thread(close_break, self.installation, found)
            why = f"{partner} takes its own second payments back; two operators have closed the breaks"
            self.progress.print_line(why)
            await in_thread(self._operate, "resume", "--partner", partner, "--who", "demo", "--why", why)

    async def _let_time_pass(self) -> None:
        people, seen = self.plan.people, self.observer.seen
        for leap in LEAPS:
            # A partner that sees the new time before the services do would send reports from the future.
            await asyncio.sleep(self.behaviour.last_report_after_seconds)
            self.progress.print_line(f"it is {leap:%d %B %Y}: {'; '.join(self._what_is_due(leap))}")
            self.installation.set_clock(leap)
            self.now = leap
            await self._until_quiet(partial(is_finished, people, seen, leap))
        await self._until_quiet(lambda: not not_parked(self.plan.parked, seen.parked))

    def _what_is_due(self, leap: datetime) -> list[str]:
        """Describe what the passing of time brings about."""
        due = Counter(benefit for _, benefit in expected_entitlements(self.plan.people, leap))
        lines = [
            f"{benefit} of the scheme of the pandemic falls due for {due[benefit]}"
            for benefit in ("incentive_2", "incentive_3", "incentive_4")
            if due[benefit] and not self.observer.seen.count(benefit, "settled")
        ]
        if leap == LEAPS[0]:
            lines += ["trainings that were not finished expire", "who has not bought in time loses the balance"]
        if leap == LEAPS[-1]:
            lines += ["the year is over, and what is neither paid nor under way returns to the treasury"]
        return lines

    async def _fees_settled(self, share: float) -> None:
        wanted = int(self.totals["fees settled"] * share)
        await self._until_quiet(lambda: self.observer.seen.count("fee", "settled") >= wanted)

    async def _until_quiet(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, or until no event has arrived for QUIET_SECONDS; the audit reports what is missing."""
        count, since = -1, time.monotonic()
        while not condition() and time.monotonic() - since < QUIET_SECONDS:
            if self.observer.seen.event_count != count:
                count, since = self.observer.seen.event_count, time.monotonic()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _operate(self, *verb: str) -> None:
        done = self.installation.services["payment"].run(*verb)
        if done.returncode:
            self.progress.print_line(f"[red]{' '.join(verb[:3])} failed:[/] {done.stdout}{done.stderr}")

    def _fault(self, line: str) -> None:
        self.faults.append(line)
        self.progress.print_line(f"[yellow]fault:[/] {line}")
