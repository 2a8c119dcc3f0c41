"""Exports of the whole ledger for programs that we did not write, line by line, from one snapshot."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.books import beancount, hledger
from services.payment.domain.calendar import JAKARTA
from services.payment.domain.ledger import Transfer
from services.payment.store.books import (
    AccountTotals,
    load_account_totals,
    load_first_and_last_time,
    stream_transfers,
)


class Format(NamedTuple):
    """The lines of a foreign program's file: before the first transfer, of each, and after the last.

    The last lines assert our balances, so that the program itself compares them with what it has added up.
    """

    opening: Callable[[Sequence[AccountTotals], date], Iterable[str]]
    transaction: Callable[[Transfer, date], str]
    closing: Callable[[Sequence[AccountTotals], date], Iterable[str]]


FORMATS = {
    "hledger": Format(hledger.opening, hledger.transaction, hledger.closing),
    "beancount": Format(beancount.opening, beancount.transaction, beancount.closing),
}


async def export(connection: Connection, name: str) -> AsyncIterator[str]:
    """Yield the file in portions of whole lines, the oldest transfer first; each is dated by its day in Jakarta."""
    form = FORMATS[name]
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        times = await load_first_and_last_time(connection)
        if times is None:
            yield "; no transfer has been posted\n"
            return
        first, last = map(_day, times)
        totals = await load_account_totals(connection)
        yield "\n".join(form.opening(totals, first)) + "\n\n"
        async for transfer in stream_transfers(connection):
            yield form.transaction(transfer, _day(transfer.at))
        yield "\n".join(form.closing(totals, last)) + "\n"


def _day(moment: datetime) -> date:
    return moment.astimezone(JAKARTA).date()
