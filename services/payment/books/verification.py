"""Verification: names each row of a ledger that was altered, is missing, or was added, and each false statement."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import NamedTuple

from asyncpg import Connection

from services.payment.books.heads import contents_of, stream_signed_heads
from services.payment.books.statement import BadStatement, Statement, digest_of, ends_of
from services.payment.domain.ledger import LedgerHead, hash_transfer
from services.payment.store.books import (
    load_account_totals,
    load_added_transfers,
    load_hashes,
    load_last_signed_head,
    load_signed_head,
)
from services.payment.store.ledger import load_ledger_heads, load_transfers
from shared.contracts.signatures import BadSignature, PublicKeys
from shared.messaging.chain import GENESIS
from shared.messaging.operation_log import CHAIN

PORTION = 5000


async def chain_breaches(connection: Connection) -> list[str]:
    """Return a sentence for each transfer that does not follow from the one before, or is missing."""
    breaches = []
    for lane, end in (await load_ledger_heads(connection)).items():
        head = LedgerHead()
        while transfers := await load_transfers(connection, lane, head.number, PORTION):
            for transfer in transfers:
                if transfer.number != head.number + 1:
                    breaches.append(f"ledger {lane}: {_missing(head.number + 1, transfer.number - 1)}")
                elif transfer.hash != hash_transfer(head.hash, transfer.number, transfer.posting, transfer.at):
                    breaches.append(f"ledger {lane}: transfer {transfer.number} does not match the hash chain")
                head = LedgerHead(transfer.number, transfer.hash)
        if head.number < end.number:
            breaches.append(f"ledger {lane}: {_missing(head.number + 1, end.number)}")
        elif (head.number, head.hash) != (end.number, end.hash):
            breaches.append(f"ledger {lane} ends at {head.number}, not at {end.number}")
    return breaches


async def added_breaches(connection: Connection) -> list[str]:
    """Return a sentence for each transfer that lies beyond the head of its ledger."""
    return [
        f"ledger {lane}: transfer {number} lies beyond its head"
        for lane, number in await load_added_transfers(connection)
    ]


async def statement_breach(connection: Connection, lines: AsyncIterable[str], keys: PublicKeys) -> str | None:
    """Return what is wrong with the first statement that does not agree with the ledgers; None if all agree.

    A statement that the database has too binds its ledgers: another hash there is a rewritten past. One that the
    database does not have was signed before it was restored or cut short.
    """
    last: SignedStatement | None = None
    async for line in lines:
        try:
            read = SignedStatement(line, Statement.read(keys.verify(line)))
        except (BadSignature, BadStatement) as error:
            return f"the statement {_place(last)}: {error}"
        breach = _sequence_breach(last, read) or await _ledger_breach(connection, read)
        if breach is not None:
            return f"statement {read.content.number}: {breach}"
        last = read
    return None


async def stored_lines(connection: Connection) -> AsyncIterator[str]:
    """Yield the statements that the database has."""
    async for head in stream_signed_heads(connection):
        yield head.statement


async def lines_of(texts: Iterable[str]) -> AsyncIterator[str]:
    """Yield the statements of a file, a line each; empty lines are left out."""
    for text in texts:
        if text.strip():
            yield text.strip()


class SignedStatement(NamedTuple):
    """A statement as it was signed, and what it says."""

    signed: str
    content: Statement


def _sequence_breach(last: SignedStatement | None, read: SignedStatement) -> str | None:
    """Return what is wrong if a statement does not follow the one before; the first of a file may have any number."""
    before, number = (last.content.number, read.content.number) if last else (0, read.content.number)
    if last is None:
        return "it is the first, and names one before it" if number == 1 and read.content.previous else None
    if number != before + 1:
        return f"it follows statement {before}: " + ("those between are missing" if number > before else "out of order")
    return None if read.content.previous == digest_of(last.signed) else "it does not follow the one before it"


async def _ledger_breach(connection: Connection, read: SignedStatement) -> str | None:
    content = read.content
    stored = await load_signed_head(connection, content.number)
    if stored is None or stored.statement != read.signed:
        latest = await load_last_signed_head(connection)
        behind = min(latest.number, content.number - 1) if latest else 0
        there = "has another in its place" if stored else "does not have it"
        return f"the database {there}: it was restored or cut short behind statement {behind}"
    found = await load_hashes(connection, content.heads)
    for name, (number, hash_) in content.heads.items():
        if found.get(name, GENESIS if number == 0 else None) != hash_:
            wrong = "is missing" if name not in found else "has another hash: the past was rewritten"
            return f"{_row(name)} {number} {wrong}"
    return await _totals_breach(connection, content)


async def _totals_breach(connection: Connection, content: Statement) -> str | None:
    """Return what is wrong if the declared totals are not those of the transfers between the two statements."""
    if content.totals is None:
        return None
    since = await load_signed_head(connection, content.totals.since)
    if since is None:
        return f"its totals count from statement {content.totals.since}, which is missing"
    counted = await load_account_totals(connection, ends_of(contents_of(since).heads), ends_of(content.heads))
    for declared, posted in zip(content.totals.accounts, counted, strict=False):
        if declared != posted:
            return f"its totals of {' '.join(declared[:3])} are not those of the transfers"
    return None if len(content.totals.accounts) == len(counted) else "its totals lack an account"


def _missing(first: int, last: int) -> str:
    return f"transfer {first} is missing" if first == last else f"transfers {first} to {last} are missing"


def _place(last: SignedStatement | None) -> str:
    return f"after statement {last.content.number}" if last else "at the beginning"


def _row(name: str) -> str:
    return "operation" if name == CHAIN else f"ledger {name}: transfer"
