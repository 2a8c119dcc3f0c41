"""A statement of heads: the document that is signed, and when another one is due."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.payment.domain.calendar import JAKARTA
from services.payment.store.books import AccountTotals, Heads, SignedHead
from shared.errors import SalurError
from shared.messaging.operation_log import CHAIN
from shared.times import write_time


class BadStatement(SalurError):
    """A signed text that is no statement of heads."""


class DayTotals(NamedTuple):
    """The totals of a day: of all transfers between the heads of statement `since` and those of this one."""

    day: date
    since: int
    accounts: Sequence[AccountTotals]


class Statement(NamedTuple):
    """The ends of all chains at a time. `previous` is the SHA-256 of the signed statement before, as hexadecimal."""

    number: int
    at: str
    previous: str
    cut_offs: int
    heads: Heads
    totals: DayTotals | None

    def write(self) -> bytes:
        """Return the document as JSON."""
        content = {
            "statement": self.number,
            "at": self.at,
            "previous": self.previous,
            "cut_offs": self.cut_offs,
            "heads": {name: {"number": number, "hash": hash_.hex()} for name, (number, hash_) in self.heads.items()},
            "totals": self.totals
            and {
                "day": str(self.totals.day),
                "since": self.totals.since,
                "accounts": [one._asdict() for one in self.totals.accounts],
            },
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def read(cls, document: bytes) -> "Statement":
        """Read what `write` has written; raise BadStatement."""
        try:
            content = json.loads(document)
            totals = content["totals"]
            return cls(
                content["statement"],
                content["at"],
                content["previous"],
                content["cut_offs"],
                {name: (head["number"], bytes.fromhex(head["hash"])) for name, head in content["heads"].items()},
                totals
                and DayTotals(
                    date.fromisoformat(totals["day"]),
                    totals["since"],
                    [AccountTotals(**one) for one in totals["accounts"]],
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadStatement("it is no statement of heads") from None


def ends_of(heads: Heads) -> dict[int, int]:
    """Return the number at which each ledger ended, without the log of operations."""
    return {int(name): number for name, (number, _) in heads.items() if name != CHAIN}


def digest_of(signed: str) -> str:
    """Return the digest by which a statement names the one before."""
    return hashlib.sha256(signed.encode()).hexdigest()


def is_due(last: SignedHead | None, now: datetime, cut_offs: int) -> bool:
    """Return True in another hour than the last statement's, or when more waves are cleared in all lanes."""
    return last is None or _hour(now) > _hour(last.at) or cut_offs > last.cut_offs


def day_to_declare(last: SignedHead | None, now: datetime) -> date | None:
    """Return the day before, in Jakarta, at the first statement of a day; None for any other, and the first of all."""
    today = now.astimezone(JAKARTA).date()
    return today - timedelta(days=1) if last and last.at.astimezone(JAKARTA).date() < today else None


def follow(last: SignedHead | None, now: datetime, cut_offs: int, heads: Heads, totals: DayTotals | None) -> Statement:
    """Return the statement that follows another, or the first of all."""
    number, previous = (last.number, digest_of(last.statement)) if last else (0, "")
    return Statement(number + 1, write_time(now, "microseconds"), previous, cut_offs, heads, totals)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
