"""The books at the end of the demo, exported and checked by programs that are not ours."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.installation import Installation
from deploy.local.paths import ROOT

CHECK_BOOKS = ROOT / "docs" / "contracts" / "check_books.py"


@dataclass(frozen=True, slots=True)
class BooksCheck:
    """Answer of one program to the exported ledger; `fault` is empty if it accepts it."""

    program: str
    fault: str


def check_books(installation: Installation) -> list[BooksCheck]:
    """Export the books and their signed heads to files beside the summary, and have every program check them."""
    return list(_checks(installation))


def _checks(installation: Installation) -> Iterator[BooksCheck]:
    journal, beans, heads = (installation.folder / name for name in ("books.journal", "books.beancount", "heads.jws"))
    for verb in (
        ("balance",),
        ("export", "--format", "hledger", "--out", str(journal)),
        ("export", "--format", "beancount", "--out", str(beans)),
        ("heads", "--out", str(heads)),
        ("verify", "--heads", str(heads), "--key", str(installation.keys / "books.public.jwk.json")),
    ):
        done = installation.services["payment"].run("books", *verb)
        if done.returncode:
            yield BooksCheck(verb[0], f"{done.stdout}{done.stderr}".strip())
    bean_check = Path(sys.executable).with_name("bean-check")
    yield _run("beancount", str(bean_check), str(beans))
    keys = installation.keys / "books.public.jwk.json"
    yield _run("docs/contracts/check_books.py", sys.executable, str(CHECK_BOOKS), str(journal), str(heads), str(keys))
    if hledger := shutil.which("hledger"):
        yield _run("hledger", hledger, "-f", str(journal), "check", "--strict")


def _run(program: str, *command: str) -> BooksCheck:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return BooksCheck(program, f"{done.stdout}{done.stderr}".strip() if done.returncode else "")
