"""Partners in memory: what they report of an attempt follows from the account that it goes to, and from nothing else.

`PAYING` and `REFUSING` are ways in which a partner treats an account: the reports on the first attempt to pay a benefit
into it, on the second, and so on; the last ones hold for all that follow. In the end money is with the payee by each of
the first, and by none of the second.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.payment.domain.attempt import Attempt, Report
from services.payment.domain.disbursement import DisbursementKey


class Answer(NamedTuple):
    """Report of a partner on an attempt. `excess`: the rupiah by which it misstates the amount."""

    status: str
    reason: str | None = None
    excess: int = 0


ACCEPTED, SETTLED, MISSTATED = Answer("accepted"), Answer("settled"), Answer("settled", excess=1)
CLOSED, FRAUD, OFFLINE, FORBIDDEN = (Answer("rejected", reason) for reason in ("AC04", "FR01", "AB08", "LEGL"))
NOT_FOUND = Answer("not_found")
Ways = Mapping[str, Sequence[Sequence[Answer]]]

PAYING: Ways = {
    "pays": [[ACCEPTED, SETTLED]],
    "is offline at first": [[OFFLINE], [SETTLED]],
    "suspects fraud at first": [[FRAUD], [SETTLED]],
    "rejects, but pays": [[CLOSED, SETTLED]],
    "pays, but denies it": [[SETTLED, CLOSED]],
    "misstates the amount": [[MISSTATED, SETTLED]],
    "forgets the instruction": [[ACCEPTED, NOT_FOUND, SETTLED]],
    "misstates, and forgets": [[MISSTATED, NOT_FOUND], [SETTLED]],
    "returns the first payment": [[SETTLED, Answer("returned", "AB08")], [SETTLED]],
}
REFUSING: Ways = {
    "has closed the account": [[CLOSED]],
    "returns every payment": [[ACCEPTED, SETTLED, Answer("returned", "AC04")]],
    "may not pay": [[FORBIDDEN]],
}
WAYS: Ways = {**PAYING, **REFUSING}


@dataclass
class Partners:
    """All partners. `ways`: of each account. `unsent`: by reference, in the order in which they were instructed."""

    ways: Mapping[str, str]
    tried: Counter[tuple[str, DisbursementKey]] = field(default_factory=Counter)
    unsent: dict[str, deque[Answer]] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)

    def take(self, attempt: Attempt, key: DisbursementKey) -> None:
        """Take an instruction, and decide what to report of it."""
        reports, number = WAYS[self.ways[attempt.account]], self.tried[attempt.account, key]
        answers = reports[min(number, len(reports) - 1)]
        self.tried[attempt.account, key] += 1
        self.unsent[attempt.reference] = deque(answers)
        if SETTLED in answers and answers[-1].status != "returned":
            self.paid.add(attempt.reference)

    def answer(self, attempt: Attempt, at: datetime) -> Report | None:
        """Return the next report on an attempt; None if all were sent."""
        unsent = self.unsent[attempt.reference]
        if not unsent:
            return None
        status, reason, excess = unsent.popleft()
        return Report(attempt.reference, status, attempt.amount + excess, reason, None, at)
