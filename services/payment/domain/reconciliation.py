"""Reconciliation of one reference: our instruction, the partner's reports, and the lines of its statements."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.calendar import JAKARTA


class BreakClass(StrEnum):
    """Class of a disagreement between our books, a partner's reports and its statements."""

    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    LATE = "late"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    RETURNED = "returned"
    UNKNOWN = "unknown"

    @property
    def takes_two_persons(self) -> bool:
        """Return True unless the money is where the books have it, and only the day differs."""
        return self is not BreakClass.LATE


class BreakState(StrEnum):
    """State of a break: `resolved` when the books or later statements agree, `closed` by decision of a person."""

    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


class LineKind(StrEnum):
    """Kind of a statement line: a payment, a return of one, or money that came in for another reason."""

    PAID = "paid"
    RETURNED = "returned"
    CREDITED = "credited"


class Booking(NamedTuple):
    """One movement of money on the partner's account, in rupiah, on a day in Jakarta."""

    kind: LineKind
    amount: int
    booked_on: date


class KnownReference(NamedTuple):
    """All that is known of one reference at one partner.

    `instructed` is None if this partner was never instructed under it. `reported` is the amount that the partner
    reported as paid. `settled` is True if it is posted as paid, a double payment included. `settled_at` and
    `returned_at` are the partner's times; `settlement_covered` and `return_covered` are True if they fall into the
    period of a statement that was read.
    """

    reference: str
    instructed: int | None = None
    reported: int | None = None
    settled: bool = False
    settled_at: datetime | None = None
    rejected: bool = False
    returned_at: datetime | None = None
    settlement_covered: bool = False
    return_covered: bool = False
    bookings: tuple[Booking, ...] = ()

    def booked(self, kind: LineKind) -> list[Booking]:
        """Return the bookings of one kind."""
        return [booking for booking in self.bookings if booking.kind is kind]


class Break(NamedTuple):
    """One disagreement about one reference. Amounts are rupiah, None where nothing was instructed, reported or stated.

    `stated` is the sum of the payments in the statements; of the class `returned` that of the returns, of `unknown`
    that of all lines.
    """

    kind: BreakClass
    reference: str
    instructed: int | None
    reported: int | None
    stated: int | None


def find_breaks(known: KnownReference) -> list[Break]:
    """Return the breaks of one reference in the order of their classes, at most one of each class."""
    if known.instructed is None:
        return [_break(known, BreakClass.UNKNOWN, known.bookings)] if known.bookings else []
    return sorted(_of_instructed(known))


def _of_instructed(known: KnownReference) -> Iterator[Break]:
    paid, back = known.booked(LineKind.PAID), known.booked(LineKind.RETURNED)
    if credited := known.booked(LineKind.CREDITED):
        yield _break(known, BreakClass.UNKNOWN, credited)
    if len(paid) > 1:
        yield _break(known, BreakClass.DUPLICATE, paid)
    if _amount_differs(known, paid, back):
        yield _break(known, BreakClass.AMOUNT_DIFFERS, paid or back)
    if len(paid) > len(back) and not known.settled:
        yield _break(known, BreakClass.MISSING_HERE, paid)
    if _is_missing_there(known, paid, back):
        yield _break(known, BreakClass.MISSING_THERE, paid)
    # A payment that the partner tried, took back and reported as rejected is nowhere: all three agree.
    if back and known.returned_at is None and (known.settled or not known.rejected):
        yield _break(known, BreakClass.RETURNED, back)
    if _is_late(known, paid):
        yield _break(known, BreakClass.LATE, paid)


def _amount_differs(known: KnownReference, paid: list[Booking], back: list[Booking]) -> bool:
    stated = {booking.amount for booking in (*paid, *back)}
    return bool(stated) and stated | {known.reported or known.instructed} != {known.instructed}


def _is_missing_there(known: KnownReference, paid: list[Booking], back: list[Booking]) -> bool:
    """Return True if a report has a payment, or the return of one, that the statements of its time do not have."""
    if known.returned_at is not None:
        return known.return_covered and len(paid) > len(back)
    return known.settlement_covered and not paid and not back


def _is_late(known: KnownReference, paid: list[Booking]) -> bool:
    if known.settled_at is None or not paid:
        return False
    return min(booking.booked_on for booking in paid) > known.settled_at.astimezone(JAKARTA).date()


def _break(known: KnownReference, kind: BreakClass, bookings: tuple[Booking, ...] | list[Booking]) -> Break:
    stated = sum(booking.amount for booking in bookings) if bookings else None
    return Break(kind, known.reference, known.instructed, known.reported, stated)
