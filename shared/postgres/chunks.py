"""Rows split into portions, so that no statement grows beyond what server and memory can take."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

STATEMENT_BYTES = 4 << 20

OnPortion = Callable[[int], None]
"""Called after each portion of long work with the number of rows that it has changed."""


def ignore_portion(_: int) -> None:
    """Report no progress."""


def chunks(rows: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Yield the rows in order, in portions of at most STATEMENT_BYTES; a larger row is a portion of its own."""
    begins, held = 0, 0
    for place, row in enumerate(rows):
        held += size(row)
        if held > STATEMENT_BYTES and place > begins:
            yield rows[begins:place]
            begins, held = place, size(row)
    if begins < len(rows):
        yield rows[begins:]
