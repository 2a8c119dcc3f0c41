"""Foreign programs that read the books: hledger and beancount."""

import csv
import io
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from beancount.core.data import Transaction
from beancount.loader import load_file

HLEDGER = shutil.which("hledger")
needs_hledger = pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed on this machine")


def check_with_hledger(file: Path) -> "subprocess.CompletedProcess[str]":
    """Run all of hledger's strict checks, the assertions of balances among them."""
    return _run(str(HLEDGER), "-f", str(file), "check", "--strict")


def balances_by_hledger(file: Path) -> dict[str, int]:
    """Return the balance of each account, as hledger adds it up."""
    done = _run(str(HLEDGER), "-f", str(file), "balance", "--flat", "--empty", "--no-total", "-O", "csv")
    assert done.returncode == 0, done.stderr
    return {
        account: int(amount.removesuffix(" IDR")) for account, amount in list(csv.reader(io.StringIO(done.stdout)))[1:]
    }


def check_with_beancount(file: Path) -> "subprocess.CompletedProcess[str]":
    """Run `bean-check`."""
    return _run(str(Path(sys.executable).with_name("bean-check")), str(file))


def balances_by_beancount(file: Path) -> dict[str, int]:
    """Return the balance of each account, as beancount has read the transactions."""
    entries, _, _ = load_file(str(file))
    balances: Counter[str] = Counter()
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            assert posting.units is not None
            assert posting.units.number is not None
            balances[posting.account] += int(posting.units.number)
    return dict(balances)


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
