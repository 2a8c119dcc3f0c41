"""Statements as partners write them: camt.053.001.08, and CSV; the simulated ones from their ledgers."""

import csv
from collections.abc import Iterable
from datetime import date, datetime
from io import StringIO
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from deploy.simulation.calendar import jakarta_day
from deploy.simulation.partner import Payment

HEADER = ("reference", "partner_reference", "amount", "direction", "booked_on", "reason")


class StatementLine(NamedTuple):
    """A payment (`DBIT`) or the return of one (`CRDT`, with its reason) on a partner's account, in whole rupiah."""

    reference: str
    partner_reference: str
    amount: int
    direction: Literal["DBIT", "CRDT"]
    booked_on: date
    reason: str | None = None


def statement_lines(payments: Iterable[Payment]) -> list[StatementLine]:
    """Return what a partner has booked of its ledger: each payment, and each return by its own day in Jakarta.

    Lines of ledgers that are older than their times are left out.
    """
    lines = []
    for payment in payments:
        if payment.reason is not None or payment.booked_at is None:
            continue
        reference = (payment.reference, payment.partner_reference, payment.amount)
        lines.append(StatementLine(*reference, "DBIT", _day(payment.booked_at)))
        if payment.returned_at is not None:
            lines.append(StatementLine(*reference, "CRDT", _day(payment.returned_at), payment.returned_for))
    return sorted(lines, key=lambda line: line.booked_on)


def _day(time: str) -> date:
    return jakarta_day(datetime.fromisoformat(time))


def write_csv(lines: Iterable[StatementLine]) -> bytes:
    """Return a statement as CSV."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((*line[:4], line.booked_on.isoformat(), line.reason or "") for line in lines)
    return text.getvalue().encode()


def write_camt(lines: Iterable[StatementLine], begins: datetime, ends: datetime, account: str = "SALUR") -> bytes:
    """Return a statement as camt.053.001.08 about a period; both times are aware, and its last second is `ends`."""
    entries = "\n".join(map(_entry, lines))
    day = ends.date().isoformat()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>{escape(account)}-{day}</MsgId><CreDtTm>{ends.isoformat()}</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{escape(account)}-{day}</Id>\n"
        f"<FrToDt><FrDtTm>{begins.isoformat()}</FrDtTm><ToDtTm>{ends.isoformat()}</ToDtTm></FrToDt>\n"
        f"<Acct><Id><Othr><Id>{escape(account)}</Id></Othr></Id><Ccy>IDR</Ccy></Acct>\n"
        '<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<Dt><Dt>{day}</Dt></Dt></Bal>\n"
        f"{entries}\n</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


def _entry(line: StatementLine) -> str:
    """Return an entry with one transaction."""
    amount = f'<Amt Ccy="IDR">{line.amount}.00</Amt><CdtDbtInd>{line.direction}</CdtDbtInd>'
    theirs = f"<AcctSvcrRef>{escape(line.partner_reference)}</AcctSvcrRef>"
    reason = f"<RtrInf><Rsn><Cd>{escape(line.reason)}</Cd></Rsn></RtrInf>" if line.reason else ""
    return (
        f"<Ntry>{amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{line.booked_on.isoformat()}</Dt></BookgDt>"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs>{theirs}<EndToEndId>{escape(line.reference)}</EndToEndId></Refs>"
        f"{amount}{reason}</TxDtls></NtryDtls></Ntry>"
    )
