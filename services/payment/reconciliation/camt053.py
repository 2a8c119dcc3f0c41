"""Statements as ISO 20022 camt.053.001.08, validated against its schema while they are read entry by entry."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from typing import Any, BinaryIO

from lxml import etree

from services.payment.domain.calendar import JAKARTA
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

NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"
DOCUMENT, PERIOD, ENTRY, TRANSACTION = (NAMESPACE + name for name in ("Document", "FrToDt", "Ntry", "TxDtls"))
CURRENCY, BOOKED = "IDR", "BOOK"
# The code of ISO 20022 for a reason that was not given, for a return without a code.
NOT_GIVEN = "MS03"
A_SECOND = timedelta(seconds=1)


def load_schema() -> etree.XMLSchema:
    """Load the schema that ships beside this module; SOURCE.md names its source and licence.

    It keeps the errors of what it has validated, so each statement takes one of its own.
    """
    with as_file(files(__package__).joinpath("camt.053.001.08.xsd")) as path:
        return etree.XMLSchema(file=str(path))


class CountedLines:
    """File that is read line by line, so that the parser is never more than a line beyond `number`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ended = True
        self.number = 0

    def read(self, size: int) -> bytes:
        """Return the rest of a line, or as much of it as is asked for."""
        text = self._file.readline(size)
        self.number += self._ended and bool(text)
        self._ended = text.endswith(b"\n")
        return text


class Camt053Statement:
    """Statement of one or more accounts. Each transaction is forgotten once it is read, so memory stays flat."""

    form = "camt.053"

    def __init__(self, file: BinaryIO) -> None:
        self._file = CountedLines(file)
        self._events = etree.iterparse(
            self._file,
            events=("end",),
            tag=(DOCUMENT, PERIOD, ENTRY, TRANSACTION),
            schema=load_schema(),
            load_dtd=False,
            no_network=True,
            resolve_entities=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
        )
        self._days = BookedDays()
        self._stated: Period | None = None

    def lines(self) -> Iterator[Line]:
        """Yield the lines; raise RefusedStatement with the place that cannot be read."""
        ended = False
        try:
            for _, element in self._events:
                self._refuse_unreliable(element)
                if element.tag == TRANSACTION:
                    yield self._transaction(element)
                elif element.tag == ENTRY:
                    self._end_entry(element)
                elif element.tag == PERIOD:
                    self._add_period(element)
                else:
                    ended = True
        except etree.XMLSyntaxError:
            self._refuse_violation()
            ended = False
        # The parser does not raise for all that is malformed, but the document ends only in one that is not.
        if not ended:
            raise RefusedStatement(Fault.NOT_XML, self._where, "it is not well-formed XML, or cut off")

    def period(self) -> Period:
        """Return the period that it states, else the days from the first to the last that has an entry."""
        return self._stated or self._days.period()

    @property
    def _where(self) -> str:
        return f"line {self._file.number}"

    def _refuse_unreliable(self, element: etree._Element) -> None:
        """Raise RefusedStatement for a document type, the only place for entities, or a breach of the schema."""
        if element.getroottree().docinfo.internalDTD is not None:
            raise RefusedStatement(Fault.ENTITY, "line 1", "it has a document type, which no statement needs")
        self._refuse_violation()

    def _refuse_violation(self) -> None:
        for entry in self._events.error_log:
            if entry.domain == etree.ErrorDomains.SCHEMASV:
                message = entry.message.replace(NAMESPACE, "")[:200].rstrip(".")
                raise RefusedStatement(Fault.SCHEMA_VIOLATION, self._where, message)

    def _add_period(self, element: etree._Element) -> None:
        begins, ends = (_moment(_text(element, name) or "", self._where) for name in ("FrDtTm", "ToDtTm"))
        # The second that is named as the last one still belongs to it.
        period = Period(begins, ends + A_SECOND)
        if period.begins >= period.ends:
            raise RefusedStatement(Fault.NO_PERIOD, self._where, "its period ends before it begins")
        self._stated = self._stated.joined(period) if self._stated else period

    def _transaction(self, transaction: etree._Element) -> Line:
        """Return the line of a transaction; what stands before it in its entry has been read already."""
        details = transaction.getparent()
        entry = None if details is None else details.getparent()
        assert entry is not None, "the schema knows transactions within entries alone"
        line = _line(entry, transaction, self._booked_on(entry), self._where)
        transaction.clear()
        _forget_before(transaction)
        return line

    def _end_entry(self, entry: etree._Element) -> None:
        if _find(entry, "NtryDtls/TxDtls") is None:
            self._booked_on(entry)
            raise RefusedStatement(Fault.NO_REFERENCE, self._where, "an entry has no transaction with an EndToEndId")
        entry.clear()
        _forget_before(entry)

    def _booked_on(self, entry: etree._Element) -> date:
        if _text(entry, "Sts/Cd") != BOOKED:
            raise RefusedStatement(Fault.NOT_BOOKED, self._where, f"the status of an entry (Sts) is not {BOOKED}")
        day = _booking_day(entry, self._where)
        self._days.add(day)
        return day


def _line(entry: etree._Element, transaction: etree._Element, day: date, where: str) -> Line:
    reference = _text(transaction, "Refs/EndToEndId")
    if not reference:
        raise RefusedStatement(Fault.NO_REFERENCE, where, "a transaction has no EndToEndId")
    theirs = _text(transaction, "Refs/AcctSvcrRef") or _text(entry, "AcctSvcrRef")
    returned = _find(transaction, "RtrInf")
    paid = (_text(transaction, "CdtDbtInd") or _text(entry, "CdtDbtInd")) == "DBIT"
    kind = LineKind.PAID if paid else LineKind.CREDITED if returned is None else LineKind.RETURNED
    code = NOT_GIVEN if returned is None else _text(returned, "Rsn/Cd") or NOT_GIVEN
    return Line(
        reference=parse_code(reference, "EndToEndId", where),
        partner_reference=parse_code(theirs, "AcctSvcrRef", where) if theirs else None,
        amount=_rupiah(_find(transaction, "Amt"), where),
        kind=kind,
        booked_on=day,
        reason=parse_reason(code, where) if kind is LineKind.RETURNED else None,
    )


def _rupiah(amount: etree._Element | None, where: str) -> int:
    if amount is None:
        raise RefusedStatement(Fault.NO_AMOUNT, where, "a transaction has no amount (TxDtls/Amt)")
    if amount.get("Ccy") != CURRENCY:
        raise RefusedStatement(Fault.WRONG_CURRENCY, where, f"an amount is not in {CURRENCY}")
    value = Decimal((amount.text or "").strip())
    if value != int(value):
        raise RefusedStatement(Fault.FRACTION_OF_RUPIAH, where, "an amount has a fraction of a rupiah")
    return parse_rupiah(str(int(value)), where)


def _booking_day(entry: etree._Element, where: str) -> date:
    """Return the day of booking in Jakarta."""
    if moment := _text(entry, "BookgDt/DtTm"):
        return _moment(moment, where).astimezone(JAKARTA).date()
    # A day may have an offset of its own, which does not change it.
    return parse_day((_text(entry, "BookgDt/Dt") or "")[:10], where)


def _moment(text: str, where: str) -> datetime:
    """Return a time of the schema in UTC; one without an offset is Jakarta's. Raise RefusedStatement."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=JAKARTA)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedStatement(Fault.NO_DAY, where, "a time is not one that a calendar has") from None


def _text(element: etree._Element, path: str) -> str | None:
    found = _find(element, path)
    return found.text.strip() if found is not None and found.text else None


def _find(element: etree._Element, path: str) -> etree._Element | None:
    """Return the first element of a path, step by step: a tenth of the time that a general search takes."""
    found: etree._Element | None = element
    for tag in _tags(path):
        if found is None:
            return None
        found = next(found.iterchildren(tag), None)
    return found


@cache
def _tags(path: str) -> tuple[str, ...]:
    """Return the names of a path in the namespace of the schema."""
    return tuple(NAMESPACE + name for name in path.split("/"))


def _forget_before(element: etree._Element) -> None:
    """Remove what stands before an element in its parent, and was read already."""
    parent: Any = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
