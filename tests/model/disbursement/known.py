"""Known facts, as the oracle keeps them: trainings, people, attempts, approvals, and the cures of failures."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.disbursement.subject import Account, Instructed, Said, Training

CURES = {
    "AC04": "account",
    "MS03": "account or person",
    "AB05": "time",
    "AM04": "resume",
    "FR01": "two persons",
    "AM05": "two persons",
    "LEGL": "nothing",
}
"""Cure, by the reason of a failure, without which it is not paid again; of any other reason: `account or person`."""
GRAVE = ("two persons", "nothing")
RETRY_AFTER = timedelta(hours=1)
MOST_RETRIES = 5
AT_THE_PARTNER = ("instructed", "accepted")


def cure_of(reason: str | None) -> str:
    return CURES.get(reason or "", "account or person")


@dataclass
class Promise:
    """Known facts of a training. `ended`: it was voided or revoked."""

    training: Training
    confirmed: bool = False
    completed: bool = False
    rated: bool = False
    ended: bool = False

    def earns(self, benefit: str) -> bool:
        return self.confirmed and self.completed and (benefit == "fee" or self.rated)


@dataclass
class Person:
    """Known facts of a participant. `blocks`: (time, True) for a block, (time, False) for an unblock."""

    account: Account | None = None
    blocks: list[tuple[datetime, bool]] = field(default_factory=list)
    erased: bool = False

    @property
    def blocked_since(self) -> datetime | None:
        freed = [at for at, blocked in self.blocks if not blocked]
        return min((at for at, blocked in self.blocks if blocked and at >= max(freed, default=at)), default=None)


@dataclass
class Attempt:
    """An instruction, and what became of it. `said_paid`: its partner says so, after it had rejected it.

    `failure` is the reason of its rejection or return, `failed_at` the step and the time.
    """

    instructed: Instructed
    step: int
    answer: str = ""
    reason: str | None = None
    failure: str | None = None
    failed_at: tuple[int, datetime] | None = None
    paid_at: datetime | None = None
    said_paid: datetime | None = None
    confirmed: bool = False
    returned: bool = False
    repaid: bool = False

    @property
    def is_open(self) -> bool:
        return not self.answer

    @property
    def is_paid(self) -> bool:
        return (self.answer == "settled" or self.confirmed) and not self.returned

    @property
    def has_failed(self) -> bool:
        return self.returned or (self.answer == "rejected" and not self.confirmed)

    def fail(self, reason: str | None, step: int, at: datetime) -> None:
        self.failure, self.failed_at = reason, (step, at)


@dataclass
class Approved:
    """Approval by so many persons of an attempt to an account, at a step."""

    people: int
    account: Account | None
    step: int


def is_graver(known: Attempt, said: Said) -> bool:
    return said.reason != known.reason and cure_of(said.reason) in GRAVE
