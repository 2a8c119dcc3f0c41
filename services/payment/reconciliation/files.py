"""Files of statements: their identity, their form, and the bound on their size."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, NamedTuple

from services.payment.reconciliation.camt053 import Camt053Statement
from services.payment.reconciliation.csv_statement import CsvStatement
from services.payment.reconciliation.lines import Fault, RefusedStatement, StatementReader
from shared.errors import Refused

LARGEST = 256 * 1024 * 1024
MARK = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"


class StatementFile(NamedTuple):
    """An open statement: the SHA-256 of the file, and its lines yet to be read."""

    digest: bytes
    reader: StatementReader


@contextmanager
def open_statement(path: Path) -> Iterator[StatementFile]:
    """Open a statement; a text that begins with `<` is camt.053, any other is CSV.

    Raise Refused for a file that cannot be read, RefusedStatement for one that is too large.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    with file:
        if path.stat().st_size > LARGEST:
            raise RefusedStatement(Fault.TOO_LARGE, "its end", f"it has more than {LARGEST // 2**20} MiB")
        digest = file_digest(file, "sha256").digest()
        file.seek(0)
        yield StatementFile(digest, _reader(file))


def _reader(file: BinaryIO) -> StatementReader:
    beginning = file.read(1_000).removeprefix(MARK).lstrip(BLANKS)
    file.seek(0)
    return Camt053Statement(file) if beginning.startswith(b"<") else CsvStatement(file)
