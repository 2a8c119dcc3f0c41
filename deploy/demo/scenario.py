"""The course of the demo: what is sent and broken when, until everything that must come has come."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.demo.audit import all_expired, expected_entitlements, is_finished, not_parked
from deploy.demo.observer import TopicObserver
from deploy.demo.plan import ROGUE_PARTNER, DemoPlan
from deploy.demo.processes import in_thread
from deploy.demo.progress import ProgressDisplay
from deploy.local.installation import Installation
from deploy.simulation.delivery import send
from deploy.simulation.partner import PartnerBehaviour
from deploy.simulation.people import LATE_PROVIDER, REFUSED, REJECTED, TIMELINE_ENDS_AT

PORTIONS = 60
LOOK_EVERY_SECONDS = 0.2
QUIET_SECONDS = 25.0
# How far the payments must have come for the next trouble, as a share of all fees.
ROGUE_AT, KILL_AT, RESTART_AT, LATER_AT = 0.10, 0.25, 0.40, 0.55
DAYS_THAT_PASS = 60
STANDING_FAULTS = (
    "every event sent one to three times, out of order, across all topics",
    "malformed and hostile records mixed in",
    "partners that repeat, delay, reject and contradict themselves",
)


@dataclass(slots=True)
class DemoScenario:
    """Sends the script through an installation and throws trouble at it; `faults` says what was done."""

    plan: DemoPlan
    installation: Installation
    producer: AIOKafkaProducer
    watcher: TopicObserver
    console: Console
    behaviour: PartnerBehaviour
    progress: ProgressDisplay = field(init=False)
    faults: list[str] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.progress = ProgressDisplay(self.console, self.totals())

    async def run(self) -> None:
        """Until all is as it must be, or nothing more comes."""
        showing, sending = asyncio.create_task(self._show()), asyncio.create_task(self._send_first())
        try:
            await self._make_trouble()
            await sending
            await self._send_later()
            await self._until_quiet(lambda: is_finished(self.plan.people, self.watcher.seen))
            await self._let_time_pass()
            # What nobody waits for, such as a second payment, would have to come now.
            await asyncio.sleep(2)
        finally:
            showing.cancel()
            sending.cancel()
            # An interrupted demo closes the producer next, and nobody else would hear what becomes of the sending.
            await asyncio.gather(showing, sending, return_exceptions=True)
            self.progress.show(self._numbers())
            self.faults.extend(STANDING_FAULTS)

    def totals(self) -> dict[str, int]:
        """What the script must come to, in the order in which it is shown."""
        people = self.plan.people
        settled = Counter(right[1] for right, must in expected_entitlements(people).items() if must.state == "settled")
        return {
            "events sent": len(self.plan.first) + len(self.plan.later),
            "admitted": sum(person.persona not in REFUSED for person in people),
            "enrolled": sum(len(person.trainings) for person in people if person.persona not in REFUSED | REJECTED),
            "completed": sum(training.completes for person in people for training in person.trainings),
            "fees settled": settled["fee"],
            "incentives settled": settled["incentive_1"],
        }

    def _numbers(self) -> dict[str, int]:
        seen = self.watcher.seen
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

    async def _make_trouble(self) -> None:
        await self._fees_settled(ROGUE_AT)
        await self._send_rogue_report()
        await self._fees_settled(KILL_AT)
        await self._kill_payment()
        await self._fees_settled(RESTART_AT)
        await self._restart_kafka()
        await self._fees_settled(LATER_AT)

    async def _send_rogue_report(self) -> None:
        self._fault(f"{ROGUE_PARTNER} reports a payment under a reference that nobody gave: {ROGUE_PARTNER} is halted")
        await send(self.producer, [self.plan.rogue_report])

    async def _kill_payment(self) -> None:
        self._fault("payment is killed with SIGKILL in the middle of its work, and started again")
        service = self.installation.services["payment"]
        await in_thread(service.kill)
        await in_thread(service.launch)

    async def _restart_kafka(self) -> None:
        self._fault("the Kafka broker is restarted under full load")
        await in_thread(self.installation.kafka.restart)

    async def _send_later(self) -> None:
        """What cures, what contradicts what has been understood by now, and the end of the halt."""
        seen, totals = self.watcher.seen, self.totals()
        await self._until_quiet(
            lambda: seen.parked["unknown_reference"] > 0 and len(seen.enrolled) == totals["enrolled"]
        )
        self.progress.print_line(
            f"the treasury sends the rest, {LATE_PROVIDER} registers at last, people cure their accounts"
        )
        await send(self.producer, self.plan.later)
        self.sent += len(self.plan.later)
        halted = sum(1 for right in seen.states if seen.states[right] == "held" and seen.reasons[right] == "halted")
        self.progress.print_line(
            f"{ROGUE_PARTNER}'s statement has been compared: it is resumed, {halted} payments were waiting for it"
        )
        why = f"statement of {ROGUE_PARTNER} compared, the reported reference is nobody's"
        await in_thread(self._operate, "resume", "--partner", ROGUE_PARTNER, "--who", "demo", "--why", why)

    async def _let_time_pass(self) -> None:
        # A partner that sees the new time before the services do would speak from the future.
        await asyncio.sleep(self.behaviour.last_report_after_seconds)
        self.progress.print_line(f"{DAYS_THAT_PASS} days pass: what was not finished in time is given up")
        self.installation.set_clock(TIMELINE_ENDS_AT + timedelta(days=DAYS_THAT_PASS))
        people, seen = self.plan.people, self.watcher.seen
        await self._until_quiet(lambda: all_expired(people, seen) and not not_parked(self.plan.parked, seen.parked))

    async def _fees_settled(self, share: float) -> None:
        wanted = int(self.totals()["fees settled"] * share)
        await self._until_quiet(lambda: self.watcher.seen.count("fee", "settled") >= wanted)

    async def _until_quiet(self, condition: Callable[[], bool]) -> None:
        """Waits until it is true, or until nothing has come for a while: what did not come is for the judge to say."""
        news, since = -1, time.monotonic()
        while not condition() and time.monotonic() - since < QUIET_SECONDS:
            if self.watcher.seen.event_count != news:
                news, since = self.watcher.seen.event_count, time.monotonic()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _operate(self, *verb: str) -> None:
        done = self.installation.services["payment"].run(*verb)
        if done.returncode:
            self.progress.print_line(f"[red]{' '.join(verb[:3])} failed:[/] {done.stdout}{done.stderr}")

    def _fault(self, line: str) -> None:
        self.faults.append(line)
        self.progress.print_line(f"[yellow]trouble:[/] {line}")
