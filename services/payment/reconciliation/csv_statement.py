"""Statements as CSV: one header, one line of text for each payment or return."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

from services.payment.domain.reconciliation import LineKind
from services.payment.reconciliation.lines import (
    BookedDays,
    Fault,
    Line,
    Period,
    RefusedStatement,
    parse_code,
    parse_day,
    parse_reason,
    parse_rupiah,
)

HEADER = ["reference", "partner_reference", "amount", "direction", "booked_on", "reason"]
KINDS = {"DBIT": LineKind.PAID, "CRDT": LineKind.RETURNED}
LONGEST_LINE = 1_000


class CsvStatement:
    """Statement in UTF-8 with or without a byte order mark, its lines ended by LF or CRLF."""

    form = "csv"

    def __init__(self, file: BinaryIO) -> None:
        self._text = TextIOWrapper(file, "utf-8-sig", newline="")
        self._days = BookedDays()
        self._number = 0

    def lines(self) -> Iterator[Line]:
        """Yield the lines; raise RefusedStatement with the line of the file that cannot be read."""
        rows = csv.reader(self._bounded(), strict=True)
        try:
            if next(rows, None) != HEADER:
                raise RefusedStatement(Fault.BAD_HEADER, "line 1", f"the header is {','.join(HEADER)}, exactly")
            for row in rows:
                yield self._line(row)
        except UnicodeDecodeError as error:
            raise RefusedStatement(Fault.NOT_UTF8, f"line {self._number + 1} or after", "it is not UTF-8") from error
        except csv.Error as error:
            raise RefusedStatement(Fault.BAD_ROW, self._where, f"it is no CSV: {error}") from error

    def period(self) -> Period:
        """Return the days from the first to the last that has a line."""
        return self._days.period()

    @property
    def _where(self) -> str:
        return f"line {self._number}"

    def _bounded(self) -> Iterator[str]:
        while text := self._text.readline(LONGEST_LINE):
            self._number += 1
            if len(text) == LONGEST_LINE:
                raise RefusedStatement(Fault.BAD_ROW, self._where, f"it has {LONGEST_LINE} characters or more")
            yield text

    def _line(self, row: list[str]) -> Line:
        where = self._where
        if len(row) != len(HEADER):
            raise RefusedStatement(Fault.BAD_ROW, where, f"it has {len(row)} fields, not {len(HEADER)}")
        reference, partner_reference, amount, direction, booked_on, reason = row
        if not reference:
            raise RefusedStatement(Fault.NO_REFERENCE, where, "it has no reference")
        if direction not in KINDS:
            raise RefusedStatement(Fault.BAD_FIELD, where, "direction is neither DBIT nor CRDT")
        day = parse_day(booked_on, where)
        self._days.add(day)
        return Line(
            reference=parse_code(reference, "reference", where),
            partner_reference=parse_code(partner_reference, "partner_reference", where) if partner_reference else None,
            amount=parse_rupiah(amount, where),
            kind=KINDS[direction],
            booked_on=day,
            reason=parse_reason(reason, where) if reason else None,
        )
