"""A simulated payment partner, whose behaviour depends on the last four digits of the account number.

    0401  rejected, AC01: no such account            0404  rejected, AC04: account closed
    0000  never answered                             0777  a wrong amount is reported first, then the right one
    0778  settled, and later rejected all the same   0779  rejected for now (AB05), and later settled all the same
    0780  settled, and later returned, AC04          else  accepted, then settled

It pays a reference once, however often it is instructed, and its first final status stays.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic_core import to_json

from deploy.simulation.seals import Seals
from shared.errors import SalurError

REJECTIONS = {"0401": "AC01", "0404": "AC04", "0779": "AB05"}
RETURNS = {"0780": "AC04"}
SILENT, WRONG_AMOUNT_FIRST, REJECTED_AFTERWARDS, SETTLED_AFTERWARDS = "0000", "0777", "0778", "0779"
AFTERTHOUGHT_SECONDS = 2.0
"""Seconds after which a partner that contradicts itself does so, and money is returned."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A partner's decision on a reference: `amount` in rupiah, `reason` of a rejection or None if it was paid.

    `returned_for`: the reason for which what was paid came back later, or None.
    """

    partner: str
    reference: str
    amount: int
    account: str
    benefit: str
    reason: str | None
    returned_for: str | None = None

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
            self.late_at_most_seconds * self.repeats_at_most, AFTERTHOUGHT_SECONDS
        )


@dataclass(frozen=True, slots=True)
class ScheduledReport:
    """A report to send after a delay in seconds."""

    after_seconds: float
    reference: str
    status: str
    amount: int
    reason: str | None


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

    def receive(self, instruction: Mapping[str, object]) -> list[ScheduledReport]:
        """Pay unless the reference is known, and return the reports on it; contradict itself at most once.

        Raise MovedSeal if the account was sealed for another reference.
        """
        reference = str(instruction["reference"])
        known = self.ledger.get(reference)
        return list(self._reports_of(known or self._pay(reference, instruction), first_time=known is None))

    def flush(self) -> None:
        """Write payments to the ledger file; must precede sending the reports on them."""
        self._file.flush()

    def _pay(self, reference: str, instruction: Mapping[str, object]) -> Payment:
        payee, amount = instruction["payee"], instruction["amount"]
        assert isinstance(payee, dict)
        assert isinstance(amount, dict)
        account = self._keys.open(payee["account"])
        if account["sub"] != reference:
            raise MovedSeal(f"the account of {reference} is sealed for {account['sub']}; instruct it with its own seal")
        number = str(account["number"])
        payment = Payment(
            partner=self.name,
            reference=reference,
            amount=int(amount["value"]),
            account=number,
            benefit=str(instruction["benefit"]),
            reason=REJECTIONS.get(number[-4:]),
            returned_for=RETURNS.get(number[-4:]),
        )
        self.ledger[reference] = payment
        self._file.write(to_json(payment) + b"\n")
        return payment

    def _reports_of(self, payment: Payment, *, first_time: bool) -> Iterator[ScheduledReport]:
        ending = payment.account[-4:]
        if ending == SILENT:
            return
        final = "rejected" if payment.reason else "settled"
        late = self._behaviour.late_at_most_seconds
        delay = self._random_fraction(payment, "late") * late if late else 0.0
        if ending == WRONG_AMOUNT_FIRST and first_time:
            yield ScheduledReport(delay, payment.reference, "settled", payment.amount + 1, None)
        if self._behaviour.accepts:
            yield from self._repeat(payment, delay, "accepted", None)
        yield from self._repeat(payment, delay * 2, final, payment.reason)
        if payment.returned_for:
            yield ScheduledReport(
                delay * 2 + AFTERTHOUGHT_SECONDS, payment.reference, "returned", payment.amount, payment.returned_for
            )
        if ending == REJECTED_AFTERWARDS and first_time:
            yield ScheduledReport(
                delay * 2 + AFTERTHOUGHT_SECONDS, payment.reference, "rejected", payment.amount, "MS03"
            )
        if ending == SETTLED_AFTERWARDS and first_time:
            yield ScheduledReport(delay * 2 + AFTERTHOUGHT_SECONDS, payment.reference, "settled", payment.amount, None)

    def _repeat(self, payment: Payment, after: float, status: str, reason: str | None) -> Iterator[ScheduledReport]:
        most = self._behaviour.repeats_at_most
        for time in range(1 + int(self._random_fraction(payment, status) * most) if most > 1 else 1):
            yield ScheduledReport(after * (1 + time / 2), payment.reference, status, payment.amount, reason)

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
            "amount": {"value": report.amount, "currency": "IDR"},
            "reason": report.reason,
            "partner_reference": f"{partner}-{report.reference}",
            "reported_at": reported_at,
        }
    )


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
