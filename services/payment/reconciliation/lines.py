"""Lines of a statement, in whichever form they come, and the refusal of a file that cannot be read whole."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from services.payment.domain.calendar import JAKARTA
from services.payment.domain.reconciliation import LineKind
from shared.contracts.fields import MAX_RUPIAH
from shared.errors import Refused

CODE = re.compile(r"[A-Za-z0-9._/-]{1,64}")
REASON = re.compile(r"[A-Z0-9]{4}")
DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
RUPIAH = re.compile(r"[1-9][0-9]{0,12}")
A_DAY = timedelta(days=1)


class Fault(StrEnum):
    """Reason to refuse a statement."""

    TOO_LARGE = "too_large"
    NOT_XML = "not_xml"
    ENTITY = "entity"
    SCHEMA_VIOLATION = "schema_violation"
    NOT_UTF8 = "not_utf8"
    BAD_HEADER = "bad_header"
    BAD_ROW = "bad_row"
    BAD_FIELD = "bad_field"
    BAD_AMOUNT = "bad_amount"
    WRONG_CURRENCY = "wrong_currency"
    FRACTION_OF_RUPIAH = "fraction_of_rupiah"
    NOT_BOOKED = "not_booked"
    NO_REFERENCE = "no_reference"
    NO_AMOUNT = "no_amount"
    NO_DAY = "no_day"
    NO_PERIOD = "no_period"


class RefusedStatement(Refused):
    """A statement that is refused whole; its text begins with the fault and the place of it."""

    def __init__(self, fault: Fault, where: str, sentence: str) -> None:
        super().__init__(f"{fault} at {where}: {sentence}; nothing of this file was recorded")
        self.fault = fault


class Line(NamedTuple):
    """One line of a statement: rupiah, and a day in Jakarta."""

    reference: str
    partner_reference: str | None
    amount: int
    kind: LineKind
    booked_on: date
    reason: str | None


class Period(NamedTuple):
    """Time that a statement covers: from its beginning up to, and without, its end."""

    begins: datetime
    ends: datetime

    @classmethod
    def of_days(cls, first: date, last: date) -> "Period":
        """Return the period of whole days in Jakarta."""
        return cls(_midnight(first), _midnight(last) + A_DAY)

    def joined(self, other: "Period") -> "Period":
        """Return the shortest period that covers both."""
        return Period(min(self.begins, other.begins), max(self.ends, other.ends))


class StatementReader(Protocol):
    """A statement that is read line by line. `period` is known once all lines are read; raise RefusedStatement."""

    form: str

    def lines(self) -> Iterator[Line]: ...

    def period(self) -> Period: ...


class BookedDays:
    """The first and last day on which a statement has a line."""

    def __init__(self) -> None:
        self._first: date | None = None
        self._last: date | None = None

    def add(self, day: date) -> None:
        """Take a day into account."""
        self._first = min(self._first or day, day)
        self._last = max(self._last or day, day)

    def period(self) -> Period:
        """Return the period from the first to the last day; raise RefusedStatement if there is none."""
        if self._first is None or self._last is None:
            raise RefusedStatement(Fault.NO_PERIOD, "its end", "it has neither a line nor a period")
        return Period.of_days(self._first, self._last)


def parse_code(text: str, name: str, where: str) -> str:
    """Return an identifier; raise RefusedStatement for one that could be a formula, or is too long."""
    if not CODE.fullmatch(text):
        raise RefusedStatement(Fault.BAD_FIELD, where, f"{name} is not 1 to 64 of A-Z a-z 0-9 . _ / -")
    return text


def parse_reason(text: str, where: str) -> str:
    """Return an ISO 20022 reason code; raise RefusedStatement for anything else."""
    if not REASON.fullmatch(text):
        raise RefusedStatement(Fault.BAD_FIELD, where, "reason is not a code of four capitals and digits")
    return text


def parse_rupiah(digits: str, where: str) -> int:
    """Return whole rupiah, 1 to 10^12; raise RefusedStatement for anything else."""
    if not RUPIAH.fullmatch(digits) or int(digits) > MAX_RUPIAH:
        raise RefusedStatement(Fault.BAD_AMOUNT, where, "amount is not whole rupiah in digits, 1 to 10^12")
    return int(digits)


def parse_day(text: str, where: str) -> date:
    """Return a day written as 2023-02-17; raise RefusedStatement for anything else."""
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise RefusedStatement(Fault.NO_DAY, where, "the day of booking is not a day of 2000 to 2099, as 2023-02-17")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JAKARTA).astimezone(UTC)
