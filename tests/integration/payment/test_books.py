"""The books: balances and their identity, and exports that foreign programs add up as we do."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.paths import ROOT
from services.payment.books import beancount, hledger
from services.payment.books.balance import load_balance
from services.payment.books.export import export
from tests.builders import funds, keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import FEE, journey, voided
from tests.integration.payment.foreign_books import (
    balances_by_beancount,
    balances_by_hledger,
    check_with_beancount,
    check_with_hledger,
    needs_hledger,
)
from tests.integration.payment.harness import PaymentHarness, create_harness

ODD_WAVES = ("a/b.c_d", "a-b", "A-b", "X-", "/", "-", "9")
FORMATS = [pytest.param("beancount", id="beancount"), pytest.param("hledger", marks=needs_hledger, id="hledger")]
CHECKS = {"beancount": check_with_beancount, "hledger": check_with_hledger}
BALANCES = {"beancount": balances_by_beancount, "hledger": balances_by_hledger}
NAMES: dict[str, Callable[[str, str, str], str]] = {
    "beancount": beancount.account_name,
    "hledger": hledger.account_name,
}


@pytest.fixture
async def books(database: Database) -> AsyncIterator[PaymentHarness]:
    """Pay, reject, return and claim in several lanes, and appropriate money to waves with odd names."""
    harness = await create_harness(database)
    await harness.prepare()
    await harness.receive(*(funds(wave, "training", rupiah=7, document=f"SP2D-{wave}") for wave in ODD_WAVES))
    for number in range(5):
        await harness.receive(*journey(f"48100000000000{number + 20}", f"PRAT0000000{number}"))
    fees, incentives = harness.instructions_for("fee"), harness.instructions_for("incentive")
    await harness.report(fees[0].reference, "settled")
    await harness.report(fees[1].reference, "rejected", "AC04")
    await harness.report(fees[2].reference, "settled")
    await harness.report(fees[2].reference, "returned", "AC04")
    await harness.report(fees[3].reference, "settled")
    await harness.receive(voided("4810000000000023", "PRAT00000003"))
    await harness.report(incentives[0].reference, "settled")
    yield harness
    await harness.connection.close()


async def exported(harness: PaymentHarness, name: str, folder: Path) -> Path:
    file = folder / f"books.{name}"
    file.write_text("".join([text async for text in export(harness.connection, name)]))
    return file


async def test_each_term_of_the_identity_is_shown(books: PaymentHarness) -> None:
    identities = {(one.wave, one.component): one for one in (await load_balance(books.connection)).identities}
    fees = identities["48", "training"]
    assert (fees.appropriated, fees.paid, fees.claims, fees.clearing) == (10**9, FEE, FEE, FEE)
    assert all(one.holds for one in identities.values())
    assert fees.sentence().startswith(
        f"wave 48, training: appropriated 1000000000 = paid {FEE} + returned 0 + open {10**9 - FEE} (appropriation "
    )


async def test_open_legs_of_clearing_are_those_at_partners(books: PaymentHarness) -> None:
    balance = await load_balance(books.connection)
    under_way = await books.connection.fetch(
        "select reference, amount from disbursement where accepted_at is null and state = 'instructed'"
    )
    assert {(leg.reference, leg.amount) for leg in balance.legs} == {
        (row["reference"], row["amount"]) for row in under_way
    }
    at_bni = balance.select("48", "bni")
    assert {leg.account for leg in at_bni.legs} == {one.account for one in at_bni.accounts} == {"clearing:bni"}
    assert sum(leg.amount for leg in at_bni.legs) == sum(one.balance for one in at_bni.accounts) == FEE


async def test_altered_amount_breaks_the_identity(books: PaymentHarness) -> None:
    await books.connection.execute(
        "alter table transfer disable trigger user; update transfer set amount = 8 where wave = '9'"
    )
    (broken,) = [one for one in (await load_balance(books.connection)).identities if not one.holds]
    assert broken.sentence().startswith("wave 9, training: appropriated 7 IS NOT paid 0 + returned 0 + open 8")


@pytest.mark.parametrize("name", FORMATS)
async def test_foreign_program_accepts_the_export_and_has_our_balances(
    books: PaymentHarness, name: str, tmp_path: Path
) -> None:
    file = await exported(books, name, tmp_path)
    done = CHECKS[name](file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ours = {NAMES[name](*one[:3]): one.balance for one in (await load_balance(books.connection)).accounts}
    assert BALANCES[name](file) == ours
    assert len(ours) > 2 * len(ODD_WAVES)


@pytest.mark.parametrize("name", FORMATS)
async def test_foreign_program_finds_an_altered_amount(books: PaymentHarness, name: str, tmp_path: Path) -> None:
    file = await exported(books, name, tmp_path)
    one = next(line for line in file.read_text().splitlines() if line.endswith(f"  {FEE} IDR"))
    text = file.read_text().replace(one, one.replace(str(FEE), str(FEE + 1)), 1)
    file.write_text(text)
    unbalanced = CHECKS[name](file)
    file.write_text(text.replace(f"-{FEE} IDR", f"-{FEE + 1} IDR", 1))
    other_total = CHECKS[name](file)
    assert (unbalanced.returncode, other_total.returncode) == (1, 1)
    assert "balance" in unbalanced.stderr.lower()
    assert "balance" in other_total.stderr.lower()


@pytest.mark.parametrize("name", FORMATS)
async def test_books_without_a_transfer_are_accepted(harness: PaymentHarness, name: str, tmp_path: Path) -> None:
    file = await exported(harness, name, tmp_path)
    assert CHECKS[name](file).returncode == 0
    assert BALANCES[name](file) == {}


async def test_export_has_the_oldest_first_and_every_transfer_once(books: PaymentHarness) -> None:
    text = "".join([part async for part in export(books.connection, "hledger")])
    rows = await books.connection.fetch("select lane, number from transfer order by at, lane, number")
    found = [line.split(", at:")[0] for line in text.splitlines() if line.startswith("    ; ledger:")]
    assert found == [f"    ; ledger:{row['lane']}, number:{row['number']}" for row in rows]


def run_verb(database: Database, *verb: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "PAYMENT_POSTGRES_URL": database.url_of("payment"),
        "PAYMENT_KEYS_FOLDER": str(keys_folder()),
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "services.payment", "books", *verb]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


async def test_books_are_shown_and_exported_from_the_command_line(
    books: PaymentHarness, database: Database, tmp_path: Path
) -> None:
    shown = await asyncio.to_thread(run_verb, database, "balance", "--wave", "48", "--json")
    content = json.loads(shown.stdout)
    assert shown.returncode == 0
    assert {(one["component"], one["holds"]) for one in content["identities"]} == {
        ("training", True),
        ("incentive", True),
    }
    assert {one["wave"] for one in content["accounts"]} == {"48"}
    text = await asyncio.to_thread(run_verb, database, "balance")
    assert "Open at partners:" in text.stdout
    for name in BALANCES:
        printed = await asyncio.to_thread(run_verb, database, "export", "--format", name)
        saved = await asyncio.to_thread(run_verb, database, "export", "--format", name, "--out", str(tmp_path / name))
        assert (printed.returncode, saved.returncode) == (0, 0), printed.stderr + saved.stderr
        assert (tmp_path / name).read_text() == printed.stdout
    refused = await asyncio.to_thread(run_verb, database, "export", "--format", "hledger", "--out", "/nowhere/books")
    assert (refused.returncode, refused.stderr) == (
        2,
        "payment: /nowhere/books cannot be written: No such file or directory\n",
    )
    await books.connection.execute(
        "alter table transfer disable trigger user; update transfer set amount = 8 where wave = '9'"
    )
    assert (await asyncio.to_thread(run_verb, database, "balance")).returncode == 1
