"""A simulated payment partner. The last four digits of an account number tell it how to behave:

    0401  rejected, AC01: no such account            0404  rejected, AC04: account closed
    0000  never answered                             0777  a wrong amount is reported first, then the right one
    0778  settled, and later rejected all the same   else  accepted, then settled

It pays a reference once, whatever arrives, and its first final answer holds for ever.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from deploy.simulation.seals import Seals
from shared.contracts.fields import write_time

REJECTIONS = {"0401": "AC01", "0404": "AC04"}
SILENT, WRONG_AMOUNT_FIRST, REJECTED_AFTERWARDS = "0000", "0777", "0778"


@dataclass(frozen=True, slots=True)
class Payment:
    """What this partner did about a reference. `amount` in rupiah; `reason` None: it was paid."""

    reference: str
    amount: int
    account: str
    benefit: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Manners:
    """How it answers: each report up to so many times, up to so many seconds late; `accepts` first, or at once."""

    seed: int = 1
    repeats_at_most: int = 1
    late_at_most_seconds: float = 0.0
    accepts: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A report to be sent so many seconds from now."""

    after_seconds: float
    reference: str
    status: str
    amount: int
    reason: str | None


class Partner:
    """One bank or e-wallet with its own ledger, a file of JSON lines that outlives it."""

    def __init__(self, name: str, keys: Seals, ledger: Path, manners: Manners) -> None:
        self.name = name
        self.ledger: dict[str, Payment] = {}
        self._keys = keys
        self._manners = manners
        self._file = _open_ledger(ledger, self.ledger)

    def receive(self, instruction: Mapping[str, object]) -> list[Report]:
        """Pays, unless the reference is known; answers in either case."""
        reference = str(instruction["reference"])
        payment = self.ledger.get(reference)
        if payment is None:
            payment = self._pay(reference, instruction)
        return list(self._answers(payment))

    def flush(self) -> None:
        """What was paid is on file before anybody hears of it."""
        self._file.flush()

    def _pay(self, reference: str, instruction: Mapping[str, object]) -> Payment:
        payee, amount = instruction["payee"], instruction["amount"]
        assert isinstance(payee, dict)
        assert isinstance(amount, dict)
        account = self._keys.open(payee["account"])
        assert account["sub"] == reference
        number = str(account["number"])
        payment = Payment(
            reference, int(amount["value"]), number, str(instruction["benefit"]), REJECTIONS.get(number[-4:])
        )
        self.ledger[reference] = payment
        line = {
            "reference": reference,
            "amount": payment.amount,
            "account": number,
            "benefit": payment.benefit,
            "reason": payment.reason,
        }
        self._file.write(json.dumps(line) + "\n")
        return payment

    def _answers(self, payment: Payment) -> Iterator[Report]:
        ending = payment.account[-4:]
        if ending == SILENT:
            return
        final = "rejected" if payment.reason else "settled"
        delay = self._luck(payment, "late") * self._manners.late_at_most_seconds
        if ending == WRONG_AMOUNT_FIRST:
            yield Report(delay, payment.reference, "settled", payment.amount + 1, None)
        if self._manners.accepts:
            yield from self._repeated(payment, delay, "accepted", None)
        yield from self._repeated(payment, delay * 2, final, payment.reason)
        if ending == REJECTED_AFTERWARDS:
            yield Report(delay * 2 + 2.0, payment.reference, "rejected", payment.amount, "MS03")

    def _repeated(self, payment: Payment, after: float, status: str, reason: str | None) -> Iterator[Report]:
        for time in range(1 + int(self._luck(payment, status) * self._manners.repeats_at_most)):
            yield Report(after * (1 + time / 2), payment.reference, status, payment.amount, reason)

    def _luck(self, payment: Payment, about: str) -> float:
        """Between 0 and 1, the same for the same payment whenever it is asked for."""
        text = f"{self._manners.seed}/{self.name}/{payment.reference}/{about}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") / 2**32


def report_data(report: Report, partner: str, now: datetime) -> bytes:
    """The JSON of a report, as the contract wants it."""
    return json.dumps(
        {
            "reference": report.reference,
            "status": report.status,
            "amount": {"value": report.amount, "currency": "IDR"},
            "reason": report.reason,
            "partner_reference": f"{partner}-{report.reference}",
            "reported_at": write_time(now),
        },
        separators=(",", ":"),
    ).encode()


def read_ledger(path: Path) -> list[Payment]:
    """All payments of a ledger file."""
    return [Payment(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _open_ledger(path: Path, known: dict[str, Payment]) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    known.update((payment.reference, payment) for payment in read_ledger(path))
    return path.open("a")
