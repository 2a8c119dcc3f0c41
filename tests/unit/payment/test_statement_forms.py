"""The two forms of statements: read as they were written, or refused whole by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulation.statements import StatementLine, write_camt, write_csv
from services.payment.domain.calendar import JAKARTA
from services.payment.domain.reconciliation import LineKind
from services.payment.reconciliation import files
from services.payment.reconciliation.camt053 import Camt053Statement
from services.payment.reconciliation.csv_statement import CsvStatement
from services.payment.reconciliation.files import open_statement
from services.payment.reconciliation.lines import Fault, Line, Period, RefusedStatement

DAY = date(2023, 2, 28)
BEGINS, ENDS = datetime(2023, 2, 28, tzinfo=JAKARTA), datetime(2023, 2, 28, 23, 59, 59, tzinfo=JAKARTA)
WHOLE_DAY = Period(datetime(2023, 2, 27, 17, tzinfo=UTC), datetime(2023, 2, 28, 17, tzinfo=UTC))
PAID = StatementLine("7Q2M9K4T1B8XW3ZA", "GP-991", 600_000, "DBIT", DAY)
BACK = StatementLine("7Q2M9K4T1B8XW3ZA", "GP-992", 600_000, "CRDT", DAY, "AC04")
BOTH = [Line("7Q2M9K4T1B8XW3ZA", "GP-991", 600_000, LineKind.PAID, DAY, None),
        Line("7Q2M9K4T1B8XW3ZA", "GP-992", 600_000, LineKind.RETURNED, DAY, "AC04")]  # fmt: skip
CAMT, CSV = write_camt([PAID, BACK], BEGINS, ENDS), write_csv([PAID, BACK])

codes = st.from_regex(r"[A-Za-z0-9._/-]{1,35}", fullmatch=True)
lines = st.builds(
    StatementLine,
    codes,
    codes,
    st.integers(1, 10**12),
    st.just("DBIT"),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.none(),
) | st.builds(
    StatementLine,
    codes,
    codes,
    st.integers(1, 10**12),
    st.just("CRDT"),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.from_regex(r"[A-Z0-9]{4}", fullmatch=True),
)


def read_camt(text: bytes) -> list[Line]:
    return list(Camt053Statement(BytesIO(text)).lines())


def read_csv(text: bytes) -> list[Line]:
    return list(CsvStatement(BytesIO(text)).lines())


def test_both_forms_have_the_same_lines_and_period() -> None:
    for statement in (Camt053Statement(BytesIO(CAMT)), CsvStatement(BytesIO(CSV))):
        assert list(statement.lines()) == BOTH
        assert statement.period() == WHOLE_DAY


@given(st.lists(lines, max_size=5))
def test_statement_is_read_as_it_was_written(written: list[StatementLine]) -> None:
    kinds = {"DBIT": LineKind.PAID, "CRDT": LineKind.RETURNED}
    expected = [
        Line(w.reference, w.partner_reference, w.amount, kinds[w.direction], w.booked_on, w.reason) for w in written
    ]
    assert read_camt(write_camt(written, BEGINS, ENDS)) == expected
    assert read_csv(write_csv(written)) == expected


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf" + CSV, CSV.replace(b"\n", b"\r\n"), CSV.rstrip(b"\n")])
def test_mark_and_ends_of_lines_make_no_difference(text: bytes) -> None:
    assert read_csv(text) == BOTH


def test_time_of_booking_is_a_day_in_jakarta() -> None:
    text = CAMT.replace(b"<Dt>2023-02-28</Dt></BookgDt>", b"<DtTm>2023-02-27T17:30:00Z</DtTm></BookgDt>")
    assert {line.booked_on for line in read_camt(text)} == {DAY}


def test_credit_that_is_no_return_is_read_as_such() -> None:
    kept = CAMT.replace(b"<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", b"")
    assert read_camt(kept)[1].kind is LineKind.CREDITED
    assert read_camt(CAMT.replace(b"<Rsn><Cd>AC04</Cd></Rsn>", b""))[1].reason == "MS03"


def test_transactions_of_one_entry_are_lines_each() -> None:
    transaction = CAMT[CAMT.index(b"<TxDtls>") : CAMT.index(b"</TxDtls>") + 9]
    assert read_camt(CAMT.replace(transaction, transaction * 3)) == [BOTH[0]] * 3 + [BOTH[1]]


def doctype(inside: bytes) -> Callable[[bytes], bytes]:
    return lambda text: text.replace(b"<Document", b"<!DOCTYPE Document " + inside + b"><Document", 1)


LAUGHS = (
    b'[<!ENTITY a "ha">' + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)) + b"]"
)
REFERENCE = b"<EndToEndId>7Q2M9K4T1B8XW3ZA"
REFUSED_CAMT: dict[str, tuple[Callable[[bytes], bytes], Fault]] = {
    "empty": (lambda _: b"", Fault.NOT_XML),
    "text": (lambda _: b"no statement", Fault.NOT_XML),
    "cut off in an entry": (lambda t: t[: t.index(b"</Ntry>")], Fault.NOT_XML),
    "cut off in its last tag": (lambda t: t[:-5], Fault.NOT_XML),
    "more after its end": (lambda t: t + b"<a/>", Fault.NOT_XML),
    "another document": (lambda _: b"<a/>", Fault.SCHEMA_VIOLATION),
    "another version": (lambda t: t.replace(b"001.08", b"001.02"), Fault.SCHEMA_VIOLATION),
    "no status": (lambda t: t.replace(b"<Sts><Cd>BOOK</Cd></Sts>", b""), Fault.SCHEMA_VIOLATION),
    "deep nesting": (lambda t: t.replace(b"<Stmt>", b"<Stmt>" + b"<a>" * 100_000), Fault.SCHEMA_VIOLATION),
    "deep nesting in a free element": (
        lambda t: t.replace(b"</Ntry>\n", b"</Ntry><SplmtryData><Envlp>" + b"<a>" * 100_000, 1),
        Fault.SCHEMA_VIOLATION,
    ),
    "huge text": (lambda t: t.replace(REFERENCE, REFERENCE + b"A" * 11_000_000), Fault.SCHEMA_VIOLATION),
    "billion laughs": (lambda t: doctype(LAUGHS)(t).replace(REFERENCE, b"<EndToEndId>&j;"), Fault.ENTITY),
    "external entity": (
        lambda t: doctype(b'[<!ENTITY x SYSTEM "file:///etc/passwd">]')(t).replace(REFERENCE, b"<EndToEndId>&x;"),
        Fault.ENTITY,
    ),
    "external document type": (doctype(b'SYSTEM "http://127.0.0.1:1/x"'), Fault.ENTITY),
    "other currency": (lambda t: t.replace(b'"IDR">600000', b'"USD">600000'), Fault.WRONG_CURRENCY),
    "fraction": (lambda t: t.replace(b"600000.00", b"600000.50"), Fault.FRACTION_OF_RUPIAH),
    "nothing": (lambda t: t.replace(b"600000.00", b"0.00"), Fault.BAD_AMOUNT),
    "pending": (lambda t: t.replace(b"BOOK", b"PDNG"), Fault.NOT_BOOKED),
    "no reference": (lambda t: t.replace(REFERENCE + b"</EndToEndId>", b""), Fault.NO_REFERENCE),
    "no transaction": (
        lambda t: t[: t.index(b"<NtryDtls>")] + t[t.index(b"</NtryDtls>") + 11 :],
        Fault.NO_REFERENCE,
    ),
    "no amount of the transaction": (
        lambda t: t.replace(b'</Refs><Amt Ccy="IDR">600000.00</Amt>', b"</Refs>"),
        Fault.NO_AMOUNT,
    ),
    "no day": (lambda t: t.replace(b"<BookgDt><Dt>2023-02-28</Dt></BookgDt>", b""), Fault.NO_DAY),
    "formula": (lambda t: t.replace(REFERENCE, b"<EndToEndId>=1+1"), Fault.BAD_FIELD),
    "period backwards": (lambda t: t.replace(b"<FrDtTm>2023", b"<FrDtTm>2024"), Fault.NO_PERIOD),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_CAMT)
def test_camt_that_cannot_be_relied_on_is_refused(case: str) -> None:
    change, fault = REFUSED_CAMT[case]
    with pytest.raises(RefusedStatement, match=rf"^{fault} at line \d+: ") as refusal:
        read_camt(change(CAMT))
    assert refusal.value.fault is fault


def test_violation_is_named_with_its_line() -> None:
    text = CAMT.replace(b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<CdtDbtInd>NONE</CdtDbtInd><Sts>")
    line = text[: text.index(b"NONE")].count(b"\n") + 1
    with pytest.raises(RefusedStatement, match=rf"schema_violation at line {line}: Element 'CdtDbtInd'"):
        read_camt(text)


ROW = b"7Q2M9K4T1B8XW3ZA,GP-991,600000,DBIT,2023-02-28,"
REFUSED_CSV = {
    b"": Fault.BAD_HEADER,
    b"reference,amount\n": Fault.BAD_HEADER,
    CSV.replace(b"reference,", b"Reference,", 1): Fault.BAD_HEADER,
    CSV.replace(b",DBIT", b""): Fault.BAD_ROW,
    CSV + b"\n": Fault.BAD_ROW,
    CSV + b'"7Q2M9K4T1B8X': Fault.BAD_ROW,
    CSV + b"A" * 2_000: Fault.BAD_ROW,
    CSV + b"\xff": Fault.NOT_UTF8,
    CSV.decode().encode("utf-16"): Fault.NOT_UTF8,
    CSV.replace(b"7Q2M9K4T1B8XW3ZA,GP-991", b",GP-991"): Fault.NO_REFERENCE,
    CSV.replace(b"GP-991", b'"=HYPERLINK(""http://x"")"'): Fault.BAD_FIELD,
    CSV.replace(b"7Q2M9K4T1B8XW3ZA", b"@SUM(A1)"): Fault.BAD_FIELD,
    CSV.replace(b"DBIT", b"DEBIT"): Fault.BAD_FIELD,
    CSV.replace(b"AC04", b"gone"): Fault.BAD_FIELD,
    **{
        CSV.replace(b"600000", amount): Fault.BAD_AMOUNT
        for amount in (b"", b"0", b"-1", b"6e5", b"600000.00", b"0600000", b"1000000000001", "٦".encode())
    },
    **{
        CSV.replace(b"2023-02-28", day): Fault.NO_DAY
        for day in (b"", b"28-02-2023", b"2023-02-30", b"20230228", b"1999-01-01", b"2023-02-28T00:00:00")
    },
}


@pytest.mark.parametrize(("text", "fault"), REFUSED_CSV.items(), ids=lambda value: str(value)[-30:])
def test_csv_that_cannot_be_relied_on_is_refused(text: bytes, fault: Fault) -> None:
    with pytest.raises(RefusedStatement, match=rf"^{fault} at line \d+"):
        read_csv(text)


def test_statement_without_lines_needs_a_period() -> None:
    empty = Camt053Statement(BytesIO(write_camt([], BEGINS, ENDS)))
    assert list(empty.lines()) == []
    assert empty.period() == WHOLE_DAY
    nothing = CsvStatement(BytesIO(write_csv([])))
    assert list(nothing.lines()) == []
    with pytest.raises(RefusedStatement, match="no_period"):
        nothing.period()


def test_form_is_known_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (text, form) in enumerate(
        [(CAMT, "camt.053"), (b"\xef\xbb\xbf \n" + CAMT[39:], "camt.053"), (CSV, "csv")]
    ):
        (tmp_path / str(number)).write_bytes(text)
        with open_statement(tmp_path / str(number)) as file:
            assert file.reader.form == form
            assert len(list(file.reader.lines())) == 2
    monkeypatch.setattr(files, "LARGEST", 10)
    with pytest.raises(RefusedStatement, match="too_large"), open_statement(tmp_path / "0"):
        pass
