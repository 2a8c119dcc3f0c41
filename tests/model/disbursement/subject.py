"""Payment seen from outside, in memory or as a service: what it is told to do, and what it shows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from tests.model.rules.facts import Fact

Key = tuple[str, str]
"""(redeem code, benefit)."""
ANI, BUDI = "ani", "budi"
"""Two persons who approve and confirm."""


class Training(NamedTuple):
    """Training of a person, and what it promises in rupiah."""

    code: str
    person: str
    fee: int
    incentive: int

    def amount(self, benefit: str) -> int:
        return self.fee if benefit == "fee" else self.incentive


class Account(NamedTuple):
    """Account of a payee. Each has its own number. `fit`: it is verified, and of the same person."""

    partner: str
    number: str
    fit: bool = True


class Said(NamedTuple):
    """Report of a partner on a reference."""

    partner: str
    reference: str
    status: str
    amount: int
    reason: str | None
    at: datetime


class Instructed(NamedTuple):
    """Instruction to a partner, as the partner reads it."""

    reference: str
    partner: str
    amount: int
    number: str
    key: Key


class Standing(NamedTuple):
    """A right as it is stored."""

    state: str
    reason: str | None
    frozen: bool
    attempt: int


class Moved(NamedTuple):
    """One transfer of the ledgers."""

    component: str
    debit: str
    credit: str
    amount: int
    reference: str | None


class Seen(NamedTuple):
    """All that is seen of payment. `told`: the states that it has announced, in order."""

    instructed: Sequence[Instructed]
    standing: Mapping[Key, Standing]
    moved: Sequence[Moved]
    told: Sequence[tuple[Key, str]]


class Subject(Protocol):
    """Payment under test. A method that returns a bool tells whether the request was granted."""

    def tell_time(self, now: datetime) -> None: ...

    def read(self, fact: Fact) -> None:
        """Read a fact about a training, or, with the person as its code, about a person."""

    def link(self, person: str, account: Account, at: datetime) -> None: ...

    def register(self, account: Account, version: int) -> None:
        """Register an account of the provider of all trainings."""

    def appropriate(self, component: str, amount: int) -> None: ...

    def report(self, said: Said) -> None: ...

    def approve(self, key: Key, people: Sequence[str]) -> bool: ...

    def confirm(self, reference: str, people: Sequence[str]) -> bool: ...

    def repay(self, reference: str) -> bool: ...

    def halt(self, scope: str | None) -> None: ...

    def resume(self, scope: str | None) -> None: ...

    def sweep(self) -> None:
        """Let all timers act."""

    def cut_off(self) -> None:
        """Let the cut-off pass; the clock is past it."""

    def seen(self) -> Seen: ...

    def breaches(self) -> list[str]:
        """Return what the invariants of payment itself find."""
