"""Statements of partners against the books: each class of break, reruns, cures, and breaks that persons close."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from deploy.local.paths import ROOT
from deploy.simulation.statements import StatementLine, write_camt, write_csv
from services.payment.domain.calendar import JAKARTA
from services.payment.domain.reconciliation import BreakClass
from services.payment.reconciliation.closing import close
from services.payment.reconciliation.files import open_statement
from services.payment.reconciliation.lines import RefusedStatement
from services.payment.reconciliation.reconcile import Reconciliation, reconcile
from services.payment.reconciliation.report import answer, write_report
from services.payment.reconciliation.views import breaks
from shared.errors import Refused
from tests.builders import LATER, keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import INCENTIVE
from tests.integration.payment.harness import PaymentHarness

DOCUMENT = "BA-23-0017"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def day_of(harness: PaymentHarness) -> date:
    """Return the day in Jakarta on which the partner says that it has paid."""
    at = await harness.connection.fetchval("select max(settled_at) from disbursement")
    return (at or LATER).astimezone(JAKARTA).date()


def incentive(harness: PaymentHarness) -> str:
    return harness.instructions_for("incentive")[0].reference


def line(
    reference: str, day: date, number: int = 1, amount: int = INCENTIVE, reason: str | None = None
) -> StatementLine:
    return StatementLine(reference, f"GP-{number}", amount, "CRDT" if reason else "DBIT", day, reason)


async def read(
    harness: PaymentHarness, folder: Path, lines: Sequence[StatementLine], partner: str = "gopay"
) -> Reconciliation:
    return await read_file(harness, folder, write_csv(lines), partner)


async def read_file(harness: PaymentHarness, folder: Path, text: bytes, partner: str = "gopay") -> Reconciliation:
    path = folder / "statement"
    path.write_bytes(text)
    with open_statement(path) as file:
        return await reconcile(harness.session.connection, partner, file, harness.now, lambda _: None)


def found(done: Reconciliation) -> list[tuple[str, str, int | None, int | None, int | None]]:
    return [(b.found.kind.value, *b.found[1:]) for b in done.breaks]


async def test_statement_that_agrees_has_no_break(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    await instructed.report(reference, "settled")
    day = await day_of(instructed)
    begins = datetime(day.year, day.month, day.day, tzinfo=JAKARTA)
    camt = write_camt([line(reference, day)], begins, begins + timedelta(hours=23, minutes=59, seconds=59))
    for text in (write_csv([line(reference, day)]), camt):
        done = await read_file(instructed, folder, text)
        assert (found(done), done.matched, done.statement.lines, done.is_clean) == ([], 1, 1, True)


async def test_payment_that_was_never_reported_is_missing_here_until_it_is(
    instructed: PaymentHarness, folder: Path
) -> None:
    reference = incentive(instructed)
    lines = [line(reference, LATER.astimezone(JAKARTA).date() - timedelta(days=300))]
    first = await read(instructed, folder, lines)
    assert found(first) == [("missing_here", reference, INCENTIVE, None, INCENTIVE)]
    assert first.matched == 0
    instructed.now += timedelta(days=2)
    again = [answer(await read(instructed, folder, lines)) for _ in range(10)]
    assert set(again) == {answer(first)}
    assert await instructed.connection.fetchval("select count(*) from statement_line") == 1
    [shown] = await breaks(instructed.connection, instructed.now)
    assert (shown["class"], shown["age_days"]) == ("missing_here", 2)
    await instructed.report(reference, "settled")
    assert found(await read(instructed, folder, lines)) == []
    [row] = await instructed.connection.fetch("select * from reconciliation_break")
    assert (row["state"], row["ended_at"], row["stated"]) == ("resolved", instructed.now, INCENTIVE)


async def test_each_class_is_found_in_the_books(instructed: PaymentHarness, folder: Path) -> None:
    paid = incentive(instructed)
    await instructed.report(paid, "settled")
    day = await day_of(instructed)
    both, own, unsent = (INCENTIVE, INCENTIVE), paid, "0" * 16
    cases: list[tuple[list[StatementLine], list[tuple[str, str, int | None, int | None, int | None]]]] = [
        ([line(unsent, day, 9)], [
            ("missing_there", own, *both, None), ("unknown", unsent, None, None, INCENTIVE)]),
        ([line(own, day, 1, reason="AC04")], [("returned", own, *both, INCENTIVE)]),
        ([line(own, day + timedelta(days=1))], [("late", own, *both, INCENTIVE), ("returned", own, *both, INCENTIVE)]),
        ([line(own, day, 2, 700_000)], [
            ("amount_differs", own, *both, INCENTIVE + 700_000), ("duplicate", own, *both, INCENTIVE + 700_000),
            ("returned", own, *both, INCENTIVE)]),
    ]  # fmt: skip
    for lines, expected in cases:
        assert found(await read(instructed, folder, lines)) == expected
    states = await instructed.connection.fetch("select class, state from reconciliation_break order by 1, 2")
    assert [tuple(row) for row in states] == [
        ("amount_differs", "open"), ("duplicate", "open"), ("late", "resolved"), ("missing_there", "resolved"),
        ("returned", "open"), ("unknown", "open"),
    ]  # fmt: skip


async def test_reference_of_another_partner_is_unknown(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    done = await read(instructed, folder, [line(reference, LATER.date())], "dana")
    assert found(done) == [("unknown", reference, None, None, INCENTIVE)]


async def test_payment_listed_in_two_statements_is_one(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    await instructed.report(reference, "settled")
    day = await day_of(instructed)
    await read(instructed, folder, [line(reference, day)])
    assert found(await read(instructed, folder, [line(reference, day), line("0" * 16, day)]))[0][0] == "unknown"
    doubled = await read(instructed, folder, [line(reference, day, 2)])
    assert [b.found.kind for b in doubled.breaks] == [BreakClass.DUPLICATE]


async def test_rejected_payment_that_came_back_agrees(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    await instructed.report(reference, "rejected", "AC04")
    day = LATER.date()
    done = await read(instructed, folder, [line(reference, day), line(reference, day, 2, reason="AC04")])
    assert (found(done), done.matched) == ([], 2)


async def test_return_that_was_reported_agrees(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    await instructed.report(reference, "settled")
    day = await day_of(instructed)
    await instructed.report(reference, "returned", "AC04")
    assert found(await read(instructed, folder, [line(reference, day)]))[0][0] == "missing_there"
    assert found(await read(instructed, folder, [line(reference, day, 2, reason="AC04")])) == []


async def test_refused_file_leaves_nothing(instructed: PaymentHarness, folder: Path) -> None:
    text = write_csv([line(incentive(instructed), LATER.date())]) + b"broken\n"
    with pytest.raises(RefusedStatement, match="bad_row at line 3"):
        await read_file(instructed, folder, text)
    for table in ("statement", "statement_line", "reconciliation_break"):
        assert await instructed.connection.fetchval(f"select count(*) from {table}") == 0


async def test_break_is_closed_by_two_persons_and_stays_so(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    lines = [line(reference, LATER.date())]
    await read(instructed, folder, lines)
    action = partial(close, "gopay", reference, BreakClass.MISSING_HERE, DOCUMENT)
    await instructed.operate(action, who="ani")
    assert not (await read(instructed, folder, lines)).is_clean
    with pytest.raises(Refused, match="two different persons"):
        await instructed.operate(action, who="Ani ")
    await instructed.operate(action, who="budi")
    with pytest.raises(Refused, match="no open break"):
        await instructed.operate(action, who="ani")
    closed = await read(instructed, folder, lines)
    assert (closed.is_clean, [b.state.value for b in closed.breaks]) == (True, ["closed"])
    for change in ("update reconciliation_break set why = 'another'", "delete from reconciliation_break",
                   "update statement_line set amount = 1", "delete from statement"):  # fmt: skip
        with pytest.raises(asyncpg.PostgresError):
            await instructed.connection.execute(change)
    # Paid once more, it is another break.
    worse = await read(instructed, folder, [line(reference, LATER.date(), 2)])
    assert {b.state.value for b in worse.breaks} == {"open"}


async def test_late_break_takes_one_person(instructed: PaymentHarness, folder: Path) -> None:
    reference = incentive(instructed)
    await instructed.report(reference, "settled")
    await read(instructed, folder, [line(reference, await day_of(instructed) + timedelta(days=1))])
    await instructed.operate(partial(close, "gopay", reference, BreakClass.LATE, DOCUMENT))
    assert await breaks(instructed.connection, instructed.now) == []
    with pytest.raises(Refused, match="is no document"):
        await instructed.operate(partial(close, "gopay", reference, BreakClass.LATE, "=1"))


async def test_report_opens_in_a_spreadsheet_and_gauges_count(instructed: PaymentHarness, folder: Path) -> None:
    done = await read(instructed, folder, [line("-1", LATER.date())])
    write_report(done, folder / "report.csv")
    text = (folder / "report.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfclass,reference,")
    assert b"\r\nunknown,'-1,,,600000,open," in text
    assert b"\r\nunknown,1,600000\r\n" in text
    gauges = {(g.name, *g.labels.values()): g.value for g in await instructed.definition.gauges(instructed.connection)}
    assert gauges["salur_reconciliation_breaks", "gopay", "unknown"] == 1
    assert gauges["salur_reconciliation_breaks", "dana", "late"] == 0
    assert ("salur_reconciliation_break_oldest_seconds", "gopay", "unknown") in gauges


async def test_statement_is_reconciled_from_the_command_line(
    instructed: PaymentHarness, database: Database, folder: Path
) -> None:
    reference = incentive(instructed)
    (folder / "s.csv").write_bytes(write_csv([line(reference, LATER.date())]))
    (folder / "bad.csv").write_bytes(b"nothing\n")
    by = ("--document", DOCUMENT, "--why", "seen", "--who")
    broken = ("breaks", "close", "gopay", reference, "missing_here", *by)
    commands: list[tuple[Sequence[str], int, str]] = [
        (("reconcile", "gopay", "s.csv"), 1, "1 lines, 0 matched, 1 breaks"),
        (("reconcile", "gopay", "s.csv", "--json", "--report", "r.csv"), 1, '"class": "missing_here"'),
        (("reconcile", "dune", "s.csv"), 2, "there is no partner dune"),
        (("reconcile", "gopay", "bad.csv"), 2, "bad_header at line 1"),
        (("reconcile", "gopay", "none.csv"), 2, "cannot be read"),
        (("breaks", "--class", "missing_here"), 0, reference),
        (("breaks", "--partner", "dana", "--json"), 0, "[]"),
        ((*broken, "ani"), 0, "preview"),
        ((*broken, "ani", "--yes"), 0, "a second person must"),
        ((*broken, "budi", "--yes"), 0, f"closed by {DOCUMENT}"),
        ((*broken, "budi", "--yes"), 2, "no open break"),
        (("reconcile", "gopay", "s.csv"), 0, "closed"),
    ]
    ways = {"PAYMENT_POSTGRES_URL": database.url_of("payment"), "PAYMENT_KEYS_FOLDER": str(keys_folder())}
    environment = {**os.environ, **ways, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    for verb, status, expected in commands:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "services.payment", *verb],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (expected in done.stdout + done.stderr, done.returncode) == (True, status), done.stdout + done.stderr
        if "--json" in verb and "reconcile" in verb:
            assert json.loads(done.stdout)["breaks"][0]["stated"] == INCENTIVE
    assert (folder / "r.csv").exists()
