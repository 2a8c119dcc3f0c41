"""Statement of a simulated partner, from its ledger: `python -m deploy.local.statement gopay > gopay.xml`.

CSV=1 in the environment writes CSV in place of camt.053.001.08; SALUR_LEDGERS_FOLDER names another folder of ledgers.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

from deploy.local.paths import VAR
from deploy.simulation.calendar import JAKARTA
from deploy.simulation.partner import read_ledger
from deploy.simulation.statements import StatementLine, statement_lines, write_camt, write_csv
from shared.contracts.topics import PARTNERS


def statement(lines: Sequence[StatementLine], *, as_csv: bool) -> bytes:
    """Return the statement of these lines, in order of their days, from the first to the last; there must be one."""
    if as_csv:
        return write_csv(lines)
    begins, ends = (datetime.combine(line.booked_on, time.min, JAKARTA) for line in (lines[0], lines[-1]))
    return write_camt(lines, begins, ends + timedelta(days=1, seconds=-1))


def main(partner: str, environment: Mapping[str, str]) -> None:
    """Write the statement to standard output; exit with a sentence if there is none."""
    if partner not in PARTNERS:
        sys.exit(f"there is no partner {partner}; partners are {', '.join(PARTNERS)}")
    ledger = Path(environment.get("SALUR_LEDGERS_FOLDER", VAR / "ledgers")) / f"{partner}.jsonl"
    if not (lines := statement_lines(read_ledger(ledger))):
        sys.exit(f"{ledger} has no payment; nothing can be stated")
    sys.stdout.buffer.write(statement(lines, as_csv=environment.get("CSV") == "1"))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "", os.environ)
