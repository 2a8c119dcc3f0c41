"""Check Salur's books from its publications alone: `python check_books.py BOOKS HEADS KEYS`.

BOOKS is what `books export --format hledger` wrote, HEADS the signed statements, one a line, KEYS the public keys. It
needs `cryptography`, and nothing of Salur. Exit 0: each row follows from the one before, and each statement is true; 1:
a row or statement is named that is not; 2: a file cannot be read.
"""

import hashlib
import json
import re
import sys
from base64 import urlsafe_b64decode
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAGS = re.compile(
    r"    ; ledger:(-?\d+), number:(\d+), at:(\S+), wave:(\S+), component:(\S+), reference:(\S*), hash:([0-9a-f]{64})"
)
POSTINGS = re.compile(r"    ([^: ]+:[^: ]+):(\S+)  (\d+) IDR\n    ([^: ]+:[^: ]+):(\S+)  -(\d+) IDR")


class Row(NamedTuple):
    """One transfer: the text that its hash covers besides the hash before, its hash, its two accounts, its amount."""

    text: str
    hash: bytes
    accounts: tuple[tuple[str, str, str], tuple[str, str, str]]
    amount: int


def read_books(path: Path) -> tuple[dict[int, dict[int, Row]], list[str]]:
    """Return the rows by ledger and number, and a sentence for each row that stands twice or is not whole."""
    books: dict[int, dict[int, Row]] = defaultdict(dict)
    wrong = []
    lines = iter(path.read_text().splitlines())
    for tags in filter(None, map(TAGS.fullmatch, lines)):
        ledger, number, at, wave, component, reference, hashed = tags.groups()
        name = f"ledger {ledger}, row {number}"
        sides = POSTINGS.fullmatch(f"{next(lines, '')}\n{next(lines, '')}")
        if sides is None or {sides[1], sides[4]} != {f"{wave}:{component}"} or sides[3] != sides[6]:
            wrong.append(f"{name}: its two postings are not those of one transfer")
        elif int(number) in books[int(ledger)]:
            wrong.append(f"{name}: it stands twice")
        else:
            text = f"{ledger}|{number}|{wave}|{component}|{sides[2]}|{sides[5]}|{sides[3]}|{reference}|{at}"
            accounts = ((wave, component, sides[2]), (wave, component, sides[5]))
            books[int(ledger)][int(number)] = Row(text, bytes.fromhex(hashed), accounts, int(sides[3]))
    return books, wrong


def check_chains(books: dict[int, dict[int, Row]]) -> list[str]:
    """Return a sentence for each row that is missing, or whose hash is not made of the row and the hash before."""
    wrong = []
    for ledger, rows in sorted(books.items()):
        before = bytes(32)
        for number in range(1, max(rows, default=0) + 1):
            if number not in rows:
                wrong.append(f"ledger {ledger}, row {number}: it is missing")
                continue
            row = rows[number]
            if (number == 1 or number - 1 in rows) and hashlib.sha256(before + row.text.encode()).digest() != row.hash:
                wrong.append(f"ledger {ledger}, row {number}: it was altered")
            before = row.hash
    return wrong


def verify(line: str, keys: dict[str, Ed25519PublicKey]) -> dict[str, Any]:
    """Return the signed statement; raise unless one of the keys has signed it."""
    header, payload, signature = line.split(".")
    stated = json.loads(decode(header))
    if stated.get("alg") != "EdDSA" or stated.get("kid") not in keys:
        raise ValueError("its key is not among the public ones")
    keys[stated["kid"]].verify(decode(signature), f"{header}.{payload}".encode())
    return dict(json.loads(decode(payload)))


def check_heads(books: dict[int, dict[int, Row]], lines: list[str], keys: dict[str, Ed25519PublicKey]) -> str | None:
    """Return what is wrong with the first false statement; None if all are true."""
    before, seen = "", dict[int, dict[str, Any]]()
    for place, line in enumerate(lines, 1):
        try:
            statement = verify(line, keys)
        except (InvalidSignature, ValueError, TypeError, AttributeError) as error:
            return f"statement in line {place}: {str(error) or 'its signature does not fit'}"
        number = statement["statement"]
        if seen and (number - 1 not in seen or statement["previous"] != hashlib.sha256(before.encode()).hexdigest()):
            return f"statement {number}: it does not follow the one before it"
        if wrong := check_ends(books, statement) or check_totals(books, statement, seen):
            return f"statement {number}: {wrong}"
        before, seen[number] = line, statement
    return None


def check_ends(books: dict[int, dict[int, Row]], statement: dict[str, Any]) -> str | None:
    """Return the first head that is not that of the ledger; the log of operations is not in the export."""
    for ledger, head in statement["heads"].items():
        if ledger == "operations" or head["number"] == 0:
            continue
        row = books[int(ledger)].get(head["number"])
        if row is None:
            return f"ledger {ledger} has no row {head['number']}: it was cut short, or restored to an earlier time"
        if row.hash != bytes.fromhex(head["hash"]):
            return f"ledger {ledger}, row {head['number']} has another hash: what lies before was rewritten"
    return None


def check_totals(
    books: dict[int, dict[int, Row]], statement: dict[str, Any], seen: dict[int, dict[str, Any]]
) -> str | None:
    """Return the first account whose declared totals are not those of the rows between the two statements."""
    if not statement["totals"] or statement["totals"]["since"] not in seen:
        return None
    since, counted = seen[statement["totals"]["since"]]["heads"], Counter[tuple[str, ...]]()
    for ledger, head in statement["heads"].items():
        for number in range(since[ledger]["number"] + 1, head["number"] + 1) if ledger != "operations" else ():
            if row := books[int(ledger)].get(number):
                counted.update({(*row.accounts[0], "debit"): row.amount, (*row.accounts[1], "credit"): row.amount})
    named = {(a["wave"], a["component"], a["account"]): a for a in statement["totals"]["accounts"]}
    declared = {(*name, side): a[side] for name, a in named.items() for side in ("debit", "credit") if a[side]}
    differing = sorted(declared.items() ^ counted.items())
    return f"its totals of {' '.join(differing[0][0])} are not those of the rows" if differing else None


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main(books_file: str, heads_file: str, keys_file: str) -> int:
    """Check the files, write what is wrong, and return the exit status."""
    try:
        books, wrong = read_books(Path(books_file))
        lines = Path(heads_file).read_text().split()
        published = json.loads(Path(keys_file).read_text())["keys"]
        keys = {one["kid"]: Ed25519PublicKey.from_public_bytes(decode(one["x"])) for one in published}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"a file cannot be read: {error!r}\n")
        return 2
    wrong += [*check_chains(books), *filter(None, [check_heads(books, lines, keys)])]
    summary = f"{sum(map(len, books.values()))} rows and {len(lines)} statements are true"
    sys.stdout.write("".join(f"{sentence}\n" for sentence in wrong or [summary]))
    return 1 if wrong or not lines else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]) if len(sys.argv) == 4 else f"{__doc__}")
