"""The program for strangers, run as they run it: with an export, the statements and the public keys alone."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.paths import ROOT
from services.payment.books.export import export
from services.payment.books.heads import PUBLISHED, contents_of, signed_lines, stream_signed_heads
from services.payment.domain.ledger import GENESIS, hash_transfer
from services.payment.store.books import stream_transfers
from shared.contracts.topics import lane_of
from tests.builders import keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import FEE, PARTICIPANT, journey
from tests.integration.payment.forgery import rewrite_ledger
from tests.integration.payment.harness import PaymentHarness, create_harness

PROGRAM = ROOT / "docs" / "contracts" / "check_books.py"
KEYS = keys_folder() / PUBLISHED
LANE = lane_of(PARTICIPANT)
ROW = re.compile(rf"[^\n]*\n    ; ledger:{LANE}, number:2, .*?\n\n", re.DOTALL)
LAST_SIGNED = 4
"""The last row of the lane that a statement covers."""


@dataclass
class Published:
    """The service, and the files that a stranger has."""

    harness: PaymentHarness
    folder: Path

    async def publish(self) -> None:
        for name, lines in (
            ("books", export(self.harness.connection, "hledger")),
            ("heads", signed_lines(self.harness.connection)),
        ):
            (self.folder / name).write_text("".join([line async for line in lines]))

    def change(self, name: str, changed: Callable[[str], str]) -> None:
        file = self.folder / name
        before = file.read_text()
        file.write_text(changed(before))
        assert file.read_text() != before

    def check(self, keys: Path = KEYS) -> tuple[int, list[str]]:
        """Return the exit status and the lines of the program, run with an empty environment."""
        command = [
            sys.executable,
            "-I",
            str(PROGRAM),
            str(self.folder / "books"),
            str(self.folder / "heads"),
            str(keys),
        ]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
async def published(database: Database, tmp_path: Path) -> AsyncIterator[Published]:
    """Publish the books of two days, with totals in the third statement, and a payment that is not signed yet."""
    harness = await create_harness(database)
    for hours in (0, 1, 24):
        harness.now += timedelta(hours=hours)
        await harness.sweep("sign_heads")
        if hours == 0:
            await harness.prepare()
            await harness.receive(*journey())
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    published = Published(harness, tmp_path)
    await published.publish()
    yield published
    await harness.connection.close()


async def test_true_books_are_accepted(published: Published) -> None:
    rows = await published.harness.connection.fetchval("select count(*) from transfer")
    assert published.check() == (0, [f"{rows} rows and 3 statements are true"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r", reference:[^,]*", ", reference:7Q2M9K4T1B8XW3ZA"),
        (r"T(\d\d):", "T00:"),
        (r"  (-?)\d+ IDR", r"  \g<1>5 IDR"),
        (r"hash:[0-9a-f]{8}", "hash:00000000"),
        (r":reserved:", ":paid:"),
        ("training|incentive", "survey"),
    ],
)
async def test_altered_row_is_named(published: Published, before: str, after: str) -> None:
    published.change("books", lambda text: ROW.sub(lambda row: re.sub(before, after, row.group()), text))
    status, lines = published.check()
    assert (status, lines[0]) == (1, f"ledger {LANE}, row 2: it was altered")


async def test_row_whose_sides_differ_is_named(published: Published) -> None:
    published.change(
        "books", lambda text: ROW.sub(lambda row: re.sub(r"  \d+ IDR", "  5 IDR", row.group(), count=1), text)
    )
    status, lines = published.check()
    assert (status, lines[:2]) == (
        1,
        [
            f"ledger {LANE}, row 2: its two postings are not those of one transfer",
            f"ledger {LANE}, row 2: it is missing",
        ],
    )


async def test_missing_row_is_named(published: Published) -> None:
    published.change("books", lambda text: ROW.sub("", text))
    status, lines = published.check()
    assert (status, lines[0]) == (1, f"ledger {LANE}, row 2: it is missing")


async def test_books_cut_short_are_named(published: Published) -> None:
    last = re.compile(rf"[^\n]*\n    ; ledger:{LANE}, number:[45], .*?\n\n", re.DOTALL)
    published.change("books", lambda text: last.sub("", text))
    assert published.check() == (
        1,
        [f"statement 2: ledger {LANE} has no row {LAST_SIGNED}: it was cut short, or restored to an earlier time"],
    )


async def test_row_that_stands_twice_is_named(published: Published) -> None:
    published.change("books", lambda text: ROW.sub(lambda row: row.group() * 2, text))
    assert published.check() == (1, [f"ledger {LANE}, row 2: it stands twice"])


async def test_added_row_is_named(published: Published) -> None:
    """A row is added in the middle, and those behind it are numbered again; their hashes no longer fit."""
    renumbered = re.compile(rf"(?<=ledger:{LANE}, number:)\d+")
    published.change(
        "books",
        lambda text: ROW.sub(
            lambda row: row.group().replace("number:2", "number:1") + row.group(),
            renumbered.sub(lambda n: str(int(n.group()) + 1), text),
        ),
    )
    status, lines = published.check()
    assert status == 1
    assert lines[0].startswith(f"ledger {LANE}, row ")


async def test_rewritten_books_are_found_by_the_statements(published: Published) -> None:
    """All hashes were recomputed."""
    await rewrite_ledger(published.harness.connection, LANE, FEE + 1)
    await published.publish()
    assert published.check()[0] == 0, "the last row is not covered by a statement yet"
    await rewrite_all(published.harness, LANE, FEE + 1)
    await published.publish()
    assert published.check() == (
        1,
        [f"statement 2: ledger {LANE}, row {LAST_SIGNED} has another hash: what lies before was rewritten"],
    )


async def rewrite_all(harness: PaymentHarness, lane: int, amount: int) -> None:
    """Give every transfer of a ledger another amount, with matching hashes and head."""
    async with harness.connection.transaction():
        transfers = [one async for one in stream_transfers(harness.connection) if one.posting.lane == lane]
    await harness.connection.execute("alter table transfer disable trigger user")
    last = GENESIS
    for one in transfers:
        last = hash_transfer(last, one.number, one.posting._replace(amount=amount), one.at)
        change = "update transfer set amount = $3, hash = $4 where (lane, number) = ($1, $2)"
        await harness.connection.execute(change, lane, one.number, amount, last)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (lambda text: text[:-8] + "AAAAAAA\n", "statement in line 3: its signature does not fit"),
        (lambda text: "nonsense\n" + text, "statement in line 1: "),
        (
            lambda text: "".join(text.splitlines(keepends=True)[::2]),
            "statement 3: it does not follow the one before it",
        ),
    ],
)
async def test_false_statement_is_named(published: Published, changed: Callable[[str], str], wrong: str) -> None:
    published.change("heads", changed)
    status, (line,) = published.check()
    assert status == 1
    assert line.startswith(wrong)


async def test_totals_that_the_rows_do_not_make_are_named(published: Published) -> None:
    await published.harness.connection.execute("alter table signed_head disable trigger user")
    key, connection = published.harness.context.signing_key, published.harness.connection
    *_, last = [head async for head in stream_signed_heads(connection)]
    content = contents_of(last)
    assert content.totals is not None
    first, *others = content.totals.accounts
    forged = content._replace(totals=content.totals._replace(accounts=[first._replace(debit=first.debit + 1), *others]))
    await connection.execute("update signed_head set statement = $1 where number = 3", key.sign(forged.write()))
    await published.publish()
    assert published.check() == (
        1,
        [f"statement 3: its totals of {' '.join(first[:3])} debit are not those of the rows"],
    )


async def test_unreadable_files_are_refused(published: Published) -> None:
    assert published.check(published.folder / "nowhere")[0] == 2
    assert published.check(published.folder / "books")[0] == 2
