"""A simulated payment partner, whose behaviour depends on the account number (`magic_numbers.py`).

It pays a reference once, however often it is instructed, unless the number asks for more. Its first final status stays.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic_core import to_json

from deploy.simulation.magic_numbers import AFTERTHOUGHT, LATE_BY, Answers, MagicNumber, magic_number_of
from deploy.simulation.seals import Seals
from shared.errors import SalurError
from shared.times import write_time


@dataclass(frozen=True, slots=True)
class Payment:
    """A partner's decision on a reference: `amount` in rupiah, `reason` of a rejection or None if it was paid.

    `returned_for`: the reason for which what was paid came back later, at `returned_at`, or None. `number` counts the
    payments of one reference. Times are None in ledgers that are older than these fields.
    """

    partner: str
    reference: str
    amount: int
    account: str
    benefit: str
    reason: str | None
    returned_for: str | None = None
    booked_at: str | None = None
    returned_at: str | None = None
    number: int = 1

    @property
    def partner_reference(self) -> str:
        return partner_reference(self.partner, self.reference, self.number)

    def status(self, now: datetime) -> tuple[str, str | None]:
        """Return the status at a time, and its reason."""
        if self.reason:
            return "rejected", self.reason
        if self.returned_for and (self.returned_at is None or datetime.fromisoformat(self.returned_at) <= now):
            return "returned", self.returned_for
        return "settled", None

    @property
    def is_received(self) -> bool:
        """Tell whether the payee has the money in the end."""
        return self.reason is None and self.returned_for is None


@dataclass(frozen=True, slots=True)
class PartnerBehaviour:
    """Repetition and delay of a partner's reports; with `accepts` it reports `accepted` before the final status."""

    seed: int = 1
    repeats_at_most: int = 1
    late_at_most_seconds: float = 0.0
    accepts: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PartnerBehaviour":
        return cls(
            seed=int(environment.get("SALUR_PARTNERS_SEED", "1")),
            repeats_at_most=int(environment.get("SALUR_PARTNERS_REPEATS", "1")),
            late_at_most_seconds=float(environment.get("SALUR_PARTNERS_LATE_SECONDS", "0")),
            accepts=environment.get("SALUR_PARTNERS_ACCEPT", "yes") == "yes",
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads."""
        return {
            "SALUR_PARTNERS_SEED": str(self.seed),
            "SALUR_PARTNERS_REPEATS": str(self.repeats_at_most),
            "SALUR_PARTNERS_LATE_SECONDS": str(self.late_at_most_seconds),
            "SALUR_PARTNERS_ACCEPT": "yes" if self.accepts else "no",
        }

    @property
    def last_report_after_seconds(self) -> float:
        """Upper bound of the seconds between an instruction and its last report."""
        return 2 * self.late_at_most_seconds + max(
            self.late_at_most_seconds * self.repeats_at_most, AFTERTHOUGHT.total_seconds()
        )


class ScheduledReport(NamedTuple):
    """Report to send after a delay in seconds, and not before a time of the business clock.

    `amount` in rupiah, None with `not_found`. `payment`: the number of the payment, as in the partner's reference.
    """

    after_seconds: float
    reference: str
    status: str
    amount: int | None
    reason: str | None = None
    not_before: datetime | None = None
    payment: int = 1


class MovedSeal(SalurError):
    """An instruction's sealed account belongs to another reference; the simulator stops."""


class SimulatedPartner:
    """One bank or e-wallet with its own ledger, a file of JSON lines that survives the process."""

    def __init__(self, name: str, keys: Seals, ledger: Path, behaviour: PartnerBehaviour) -> None:
        self.name = name
        self.ledger: dict[str, Payment] = {}
        self._keys = keys
        self._behaviour = behaviour
        self._file = _open_ledger(ledger, self.ledger)
        self._forgotten: set[str] = set()
        self._silent_until: dict[str, datetime] = {}
        self._down_until: datetime | None = None

    def receive(self, instruction: Mapping[str, Any], now: datetime) -> list[ScheduledReport]:
        """Pay unless the reference is known, and return the reports on it; contradict itself at most once.

        `now` by the business clock. Raise MovedSeal if the account was sealed for another reference.
        """
        reference = str(instruction["reference"])
        answer_by = datetime.fromisoformat(instruction["answer_by"])
        known = self.ledger.get(reference)
        account = known.account if known else self._open(reference, instruction)
        number = magic_number_of(account)
        if number.forgets and known is None and reference not in self._forgotten:
            self._forgotten.add(reference)
            return []
        payment = known or self._pay(reference, instruction, account, now)
        if number.answers is Answers.WHEN_UP_AGAIN:
            self._down_until = answer_by + LATE_BY
        elif number.answers is Answers.LATE:
            self._silent_until[reference] = answer_by + LATE_BY
        if number.answers in (Answers.NEVER, Answers.WHEN_ASKED):
            return []
        reports = list(self._reports_of(payment, number))
        if known is None:
            reports = [*self._false_reports(payment, number), *reports, *self._afterthoughts(payment, number)]
        return [self._delayed(report, now) for report in reports]

    def report_status(self, reference: str, now: datetime) -> list[ScheduledReport]:
        """Return the answer to a request for the status: `not_found` of what was never paid or rejected here."""
        payment = self.ledger.get(reference)
        if payment is None:
            return [self._delayed(ScheduledReport(0, reference, "not_found", None), now)]
        if magic_number_of(payment.account).answers is Answers.NEVER:
            return []
        status, reason = payment.status(now)
        return [self._delayed(ScheduledReport(0, reference, status, payment.amount, reason), now)]

    def flush(self) -> None:
        """Write payments to the ledger file; must precede sending the reports on them."""
        self._file.flush()

    def _open(self, reference: str, instruction: Mapping[str, Any]) -> str:
        account = self._keys.open(instruction["payee"]["account"])
        if account["sub"] != reference:
            raise MovedSeal(f"the account of {reference} is sealed for {account['sub']}; instruct it with its own seal")
        return str(account["number"])

    def _pay(self, reference: str, instruction: Mapping[str, Any], account: str, now: datetime) -> Payment:
        number = magic_number_of(account)
        payment = Payment(
            partner=self.name,
            reference=reference,
            amount=int(instruction["amount"]["value"]),
            account=account,
            benefit=str(instruction["benefit"]),
            reason=number.reason,
            returned_for=number.returned_for,
            booked_at=write_time(now),
            returned_at=write_time(now + number.returned_after) if number.returned_for else None,
        )
        for time in range(1, number.payments + 1):
            self._book(replace(payment, number=time))
        if number.pays_another:
            self._book(replace(payment, reference=_another(reference)))
        return payment

    def _book(self, payment: Payment) -> None:
        self.ledger.setdefault(payment.reference, payment)
        self._file.write(to_json(payment) + b"\n")

    def _false_reports(self, payment: Payment, number: MagicNumber) -> Iterator[ScheduledReport]:
        """Yield what is reported before the truth, when the payment is made."""
        late = self._delay_of(payment)
        if number.excess:
            yield ScheduledReport(late, payment.reference, "settled", payment.amount + number.excess)
        if number.pays_another:
            yield ScheduledReport(late, _another(payment.reference), "settled", payment.amount)

    def _afterthoughts(self, payment: Payment, number: MagicNumber) -> Iterator[ScheduledReport]:
        """Yield what is reported once after the final status."""
        late = self._delay_of(payment)
        for time in range(2, number.payments + 1):
            yield ScheduledReport(late * 2, payment.reference, "settled", payment.amount, payment=time)
        if after := number.afterthought:
            delay = late * 2 + AFTERTHOUGHT.total_seconds()
            yield ScheduledReport(delay, payment.reference, after.status, payment.amount, after.reason)

    def _reports_of(self, payment: Payment, number: MagicNumber) -> Iterator[ScheduledReport]:
        """Yield what is reported whenever the instruction comes."""
        late = self._delay_of(payment)
        if self._behaviour.accepts:
            yield from self._repeat(payment, number, late, "accepted", None)
        final = "rejected" if payment.reason else "settled"
        yield from self._repeat(payment, number, late * 2, final, payment.reason)
        if payment.returned_for:
            is_next_day = number.returned_after > AFTERTHOUGHT
            delay = 0.0 if is_next_day else late * 2 + AFTERTHOUGHT.total_seconds()
            due = datetime.fromisoformat(payment.returned_at) if is_next_day and payment.returned_at else None
            yield ScheduledReport(delay, payment.reference, "returned", payment.amount, payment.returned_for, due)

    def _repeat(
        self, payment: Payment, number: MagicNumber, after: float, status: str, reason: str | None
    ) -> Iterator[ScheduledReport]:
        most = self._behaviour.repeats_at_most
        drawn = 1 + int(self._random_fraction(payment, status) * most) if most > 1 else 1
        for time in range(max(drawn, number.repeats)):
            yield ScheduledReport(after * (1 + time / 2), payment.reference, status, payment.amount, reason)

    def _delayed(self, report: ScheduledReport, now: datetime) -> ScheduledReport:
        """Return a report that is not sent while the partner is down, or silent about this reference."""
        if report.not_before is None and self._down_until is None and not self._silent_until:
            return report
        waits = (report.not_before, self._down_until, self._silent_until.get(report.reference))
        latest = max((time for time in waits if time is not None), default=now)
        return report._replace(not_before=latest if latest > now else None)

    def _delay_of(self, payment: Payment) -> float:
        late = self._behaviour.late_at_most_seconds
        return self._random_fraction(payment, "late") * late if late else 0.0

    def _random_fraction(self, payment: Payment, about: str) -> float:
        """Return a number between 0 and 1, always the same for the same payment and purpose."""
        text = f"{self._behaviour.seed}/{self.name}/{payment.reference}/{about}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") / 2**32


def report_data(report: ScheduledReport, partner: str, reported_at: str) -> bytes:
    """Encode a report as the contract's JSON."""
    return to_json(
        {
            "reference": report.reference,
            "status": report.status,
            "amount": None if report.amount is None else {"value": report.amount, "currency": "IDR"},
            "reason": report.reason,
            "partner_reference": None
            if report.amount is None
            else partner_reference(partner, report.reference, report.payment),
            "reported_at": reported_at,
        }
    )


def partner_reference(partner: str, reference: str, payment: int) -> str:
    """Return the partner's own reference of a payment, which it makes once at most unless it errs."""
    return f"{partner}-{reference}" if payment == 1 else f"{partner}-{reference}-{payment}"


def _another(reference: str) -> str:
    """Return a reference of the same lane that nobody ever sent."""
    return reference[0] + reference[:0:-1]


def read_ledger(path: Path) -> list[Payment]:
    """Return all payments of a ledger file; ignore a torn last line, since no report on it was sent."""
    return [Payment(**json.loads(line)) for line in _whole_lines(path).splitlines()]


def _whole_lines(path: Path) -> str:
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1]


def _open_ledger(path: Path, known: dict[str, Payment]) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    known.update((payment.reference, payment) for payment in read_ledger(path))
    whole = len(_whole_lines(path).encode())
    ledger = path.open("ab")
    ledger.truncate(whole)
    return ledger
