"""Signed heads: at every hour and cut-off the ends of all chains are stated, signed, and kept for ever."""

import base64
from collections.abc import AsyncIterator
from datetime import date, datetime

from asyncpg import Connection

from services.payment.books.statement import (
    DayTotals,
    Statement,
    day_to_declare,
    ends_of,
    follow,
    is_due,
)
from services.payment.store.books import (
    Heads,
    SignedHead,
    count_cleared_cut_offs,
    insert_signed_head,
    load_account_totals,
    load_declaring_head,
    load_heads,
    load_last_declaring_head,
    load_last_signed_head,
    load_latest_signed_heads,
    load_signed_heads,
    take_turn_to_sign,
)
from shared.contracts.signatures import SigningKey
from shared.errors import Refused

PUBLISHED = "books.public.jwk.json"
"""The file with the public keys, in the folder of keys."""
PORTION = 500
SHOWN = 100


async def sign_heads(connection: Connection, key: SigningKey, now: datetime) -> None:
    """Sign and keep a statement if one is due; `connection` is in a transaction.

    One process signs at a time. The heads are read by one query, and what lies before a head never changes: totals
    between two statements are exact, whatever is posted meanwhile.
    """
    cut_offs = await count_cleared_cut_offs(connection)
    if not is_due(await load_last_signed_head(connection), now, cut_offs) or not await take_turn_to_sign(connection):
        return
    last = await load_last_signed_head(connection)
    if not is_due(last, now, cut_offs):
        return
    heads = await load_heads(connection)
    totals = await _totals_to_declare(connection, last, now, heads)
    statement = follow(last, now, cut_offs, heads, totals)
    signed = key.sign(statement.write())
    day = totals.day if totals else None
    await insert_signed_head(connection, SignedHead(statement.number, now, cut_offs, day, signed))


async def _totals_to_declare(
    connection: Connection, last: SignedHead | None, now: datetime, heads: Heads
) -> DayTotals | None:
    """Return what was posted since the statement that declared the day before; None if none is to be declared."""
    day, before = day_to_declare(last, now), await load_last_declaring_head(connection)
    if day is None or before is None:
        return None
    accounts = await load_account_totals(connection, ends_of(contents_of(before).heads), ends_of(heads))
    return DayTotals(day, before.number, accounts)


async def stream_signed_heads(connection: Connection) -> AsyncIterator[SignedHead]:
    """Yield all statements, the oldest first."""
    after = 0
    while portion := await load_signed_heads(connection, after, PORTION):
        for head in portion:
            yield head
        after = portion[-1].number


async def signed_lines(connection: Connection) -> AsyncIterator[str]:
    """Yield each statement as a line."""
    async for head in stream_signed_heads(connection):
        yield f"{head.statement}\n"


async def latest_heads(connection: Connection) -> list[str]:
    """Return the latest statements, in order; a stranger keeps what is shown."""
    return await load_latest_signed_heads(connection, SHOWN)


async def totals_of(connection: Connection, day: date) -> DayTotals:
    """Return the declared totals of a day; raise Refused if none are declared."""
    head = await load_declaring_head(connection, day)
    totals = contents_of(head).totals if head else None
    if totals is None:
        raise Refused(
            f"no totals are declared of {day}: they are with the first statement after midnight in Jakarta, "
            "and of days without transfers or statements with a later one"
        )
    return totals


def contents_of(head: SignedHead) -> Statement:
    """Return the statement that was signed, without verifying it."""
    payload = head.statement.split(".")[1]
    return Statement.read(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
