"""Reconciliation of a large statement, in both forms: `python -m tests.benchmarks.statements`.

Payments that are all settled are compared with a statement that lists each once, by the verb that operators type, in a
process of its own. More than 20 s or 300 MB is a breach. The environment may set LINES.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import asyncpg

from deploy.local.paths import ROOT, VAR
from deploy.simulation.statements import StatementLine, write_camt, write_csv
from tests.benchmarks.harness import Result, number_of
from tests.builders import keys_folder
from tests.infrastructure import Database, postgres_server

LINES = number_of("LINES", 100_000)
AT_MOST_SECONDS, AT_MOST_MB = 20.0, 300.0
AMOUNT, DAY = 600_000, date(2023, 2, 28)
BEGINS, ENDS = datetime(2023, 2, 27, 17, tzinfo=UTC), datetime(2023, 2, 28, 16, 59, 59, tzinfo=UTC)
# Rows as payments leave them; the triggers that keep by-standers from making such rows are off.
FILL = (
    "set session_replication_role = replica",
    """insert into payment.attempt (amount, instructed_at, answer_by, lane, number, reference, redeem_code, benefit,
                                    partner, account)
       select $1, $2, $2, i % 12, 1, lpad(i::text, 16, '0'), lpad(i::text, 12, '0'), 'incentive_1', 'gopay', ''
       from generate_series(1, $3::integer) as i""",
    """insert into payment.disbursement (amount, due_at, tried_version, changed_at, settled_at, state, payee, component,
                                         lane, attempt, redeem_code, benefit, participant_id, provider_id, wave,
                                         partner, reference)
       select $1, $2, 1, $2, $2, 'settled', 'participant', 'incentive', i % 12, 1, lpad(i::text, 12, '0'),
              'incentive_1', lpad(i::text, 16, '0'), 'LP0001', '48', 'gopay', lpad(i::text, 16, '0')
       from generate_series(1, $3::integer) as i""",
    """insert into payment.transfer (number, amount, at, component, debit, credit, lane, wave, reference, hash)
       select i, $1, $2, 'incentive', 'paid:incentive', 'clearing:gopay', 0, '48', lpad(i::text, 16, '0'), ''
       from generate_series(1, $3::integer) as i""",
    "analyze",
)


def main() -> int:
    with postgres_server() as server, tempfile.TemporaryDirectory() as folder:
        database = asyncio.run(server.fresh_database())
        asyncio.run(_fill(database))
        forms = dict(_written(Path(folder)))
        runs = {form: _measure(database, path) for form, path in forms.items()}
    breaches = [
        f"{form}: {name} is {run[name]}"
        for form, run in runs.items()
        for name, most in (("seconds", AT_MOST_SECONDS), ("peak_mb", AT_MOST_MB))
        if run[name] > most
    ]
    breaches += [f"{form}: {run['matched']} matched" for form, run in runs.items() if run["matched"] != LINES]
    result = {
        "lines": LINES,
        "runs": runs,
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("lxml", "asyncpg")},
        "invariants_hold": not breaches,
        "breaches": breaches,
    }
    target = VAR / "bench" / "statements.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(target.read_text())
    return 1 if breaches else 0


async def _fill(database: Database) -> None:
    await database.migrate("payment")
    connection = await asyncpg.connect(database.url)
    for statement in FILL:
        await connection.execute(statement, *((AMOUNT, BEGINS, LINES) if "$1" in statement else ()))
    await connection.close()


def _written(folder: Path) -> Iterator[tuple[str, Path]]:
    lines = [StatementLine(f"{i:016}", f"GP-{i}", AMOUNT, "DBIT", DAY) for i in range(1, LINES + 1)]
    for form, text in (("camt.053", write_camt(lines, BEGINS, ENDS)), ("csv", write_csv(lines))):
        path = folder / form
        path.write_bytes(text)
        yield form, path


def _measure(database: Database, path: Path) -> Result:
    """Return wall clock and processor seconds and peak memory of one reconciliation, and of the same once more."""
    ways = {"PAYMENT_POSTGRES_URL": database.url_of("payment"), "PAYMENT_KEYS_FOLDER": str(keys_folder())}
    command = [sys.executable, "-m", "services.payment", "reconcile", "gopay", str(path), "--json"]
    answers, seconds, peak = [], [], 0.0
    for _ in range(2):
        began = time.monotonic()
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | ways, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            answers.append(json.loads(process.stdout.read()))
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        seconds.append(round(time.monotonic() - began, 2))
        peak = usage.ru_maxrss / 1000
    first, again = seconds
    return {
        "seconds": first,
        "seconds_again": again,
        "peak_mb": round(peak, 1),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "matched": answers[0]["matched"] if answers[0] == answers[1] else -1,
    }


if __name__ == "__main__":
    sys.exit(main())
