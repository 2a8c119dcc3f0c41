"""Statements of the simulated partners, read by operators: breaks are found, the partner halted, and breaks closed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.local.installation import Installation
from deploy.local.statement import statement
from deploy.simulation.partner import Payment, read_ledger
from deploy.simulation.statements import statement_lines
from shared.contracts.topics import PARTNERS
from shared.errors import SalurError

BY_CSV = frozenset({"ovo", "gopay", "linkaja", "dana"})
OPERATORS = ("Sri", "Budi")
BREAKS_FOUND = 1


@dataclass(frozen=True, slots=True)
class FoundBreak:
    """A break that a partner's statement has shown; `kind` is its class."""

    partner: str
    kind: str
    reference: str


class StatementRefused(SalurError):
    """A statement that Salur does not read, or a break that it does not close; the text is its own."""


def read_statements(installation: Installation) -> Iterator[FoundBreak]:
    """Write the statement of each partner that has paid to a file and reconcile it; yield the open breaks."""
    folder = installation.folder / "statements"
    folder.mkdir(exist_ok=True)
    for partner in PARTNERS:
        if not (lines := statement_lines(read_ledger(installation.folder / "ledgers" / f"{partner}.jsonl"))):
            continue
        as_csv = partner in BY_CSV
        file = folder / f"{partner}.{'csv' if as_csv else 'xml'}"
        file.write_bytes(statement(lines, as_csv=as_csv))
        report = folder / f"{partner}-report.csv"
        done = installation.services["payment"].run("reconcile", partner, str(file), "--json", "--report", str(report))
        if done.returncode not in (0, BREAKS_FOUND):
            raise StatementRefused(f"{done.stdout}{done.stderr}".strip())
        for one in json.loads(done.stdout)["breaks"]:
            yield FoundBreak(partner, one["class"], one["reference"])


def close_break(installation: Installation, found: FoundBreak) -> None:
    """Close a break by two operators, on the partner's word that the money is returned to it."""
    why = ("--document", f"LETTER-{found.partner}", "--why", "the partner takes its own second payment back", "--yes")
    which = (found.partner, found.reference, found.kind)
    for who in OPERATORS:
        done = installation.services["payment"].run("breaks", "close", *which, "--who", who, *why)
        if done.returncode:
            raise StatementRefused(f"{done.stdout}{done.stderr}".strip())


def second_payments(installation: Installation) -> list[Payment]:
    """Return what partners have paid twice by themselves."""
    ledgers = installation.folder / "ledgers"
    return [one for partner in PARTNERS for one in read_ledger(ledgers / f"{partner}.jsonl") if one.number > 1]


def compare_breaks(found: list[FoundBreak], paid_twice: list[Payment]) -> list[str]:
    """Report each payment that was made twice and not found, and each other break."""
    must = {FoundBreak(one.partner, "duplicate", one.reference) for one in paid_twice}
    return [
        *(f"{one.partner} has paid {one.reference} twice, which its statement did not show" for one in must - {*found}),
        *(f"the statement of {one.partner} shows {one.kind} of {one.reference}" for one in {*found} - must),
    ]
