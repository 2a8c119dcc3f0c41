"""The ledgers as books: totals of accounts, open legs of clearing, and the signed statements of heads."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.ledger import Transfer
from services.payment.store import QUERIES
from services.payment.store.ledger import ALL_LEDGERS, transfer_of
from shared.messaging.operation_log import CHAIN

_END = 2**63 - 1
_PREFETCH = 1000

Heads = Mapping[str, tuple[int, bytes]]
"""Number and hash of the last row of each chain, by its name."""


class AccountTotals(NamedTuple):
    """Debit and credit of one account of a wave and component, in rupiah, by so many transfers."""

    wave: str
    component: str
    account: str
    transfers: int
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


class Leg(NamedTuple):
    """Money that went to a partner under a reference and came to no end, by the ledger."""

    wave: str
    component: str
    account: str
    reference: str
    amount: int
    since: datetime


class SignedHead(NamedTuple):
    """A signed statement of the heads of all chains, and the columns by which it is found."""

    number: int
    at: datetime
    cut_offs: int
    day: date | None
    statement: str


async def load_account_totals(
    connection: Connection, after: Mapping[int, int] | None = None, through: Mapping[int, int] | None = None
) -> list[AccountTotals]:
    """Load the totals of each account, of the transfers behind and up to these numbers of the ledgers; of all if None.

    A ledger that `after` or `through` does not name counts from 0 or to its end.
    """
    lanes = list(ALL_LEDGERS)
    bounds = [[(after or {}).get(lane, 0) for lane in lanes], [(through or {}).get(lane, _END) for lane in lanes]]
    rows = await connection.fetch(QUERIES["load_account_totals"], lanes, *bounds)
    return [AccountTotals(*row) for row in rows]


async def load_documented_money(connection: Connection) -> dict[tuple[str, str], int]:
    """Load what the treasury appropriated by its documents, in rupiah by wave and component."""
    rows = await connection.fetch(QUERIES["load_documented_money"])
    return {(row["wave"], row["component"]): row["amount"] for row in rows}


async def load_clearing_legs(connection: Connection) -> list[Leg]:
    """Load the open legs of all clearing accounts, the oldest first."""
    return [Leg(*row) for row in await connection.fetch(QUERIES["load_clearing_legs"])]


async def load_first_and_last_time(connection: Connection) -> tuple[datetime, datetime] | None:
    """Load the times of the oldest and the youngest transfer; None if there is none."""
    row = await connection.fetchrow(QUERIES["load_first_and_last_time"])
    return None if row is None or row["first"] is None else (row["first"], row["last"])


async def stream_transfers(connection: Connection) -> AsyncIterator[Transfer]:
    """Yield all transfers, the oldest first, in constant memory; `connection` is in a transaction."""
    async for row in connection.cursor(QUERIES["load_all_transfers"], prefetch=_PREFETCH):
        yield transfer_of(row)


async def load_hashes(connection: Connection, heads: Heads) -> dict[str, bytes]:
    """Load the hash that each chain has at the number in `heads`; none for a row that is not there."""
    ledgers = {int(name): number for name, (number, _) in heads.items() if name != CHAIN}
    rows = await connection.fetch(QUERIES["load_hashes"], list(ledgers), list(ledgers.values()))
    found = {str(row["lane"]): bytes(row["hash"]) for row in rows}
    if CHAIN in heads:
        hashed = await connection.fetchval(QUERIES["load_operation_hash"], heads[CHAIN][0])
        found |= {CHAIN: bytes(hashed)} if hashed is not None else {}
    return found


async def load_heads(connection: Connection) -> dict[str, tuple[int, bytes]]:
    """Load the head of each chain from one snapshot."""
    rows = await connection.fetch(QUERIES["load_heads_of_all_chains"])
    return {CHAIN if row["lane"] is None else str(row["lane"]): (row["number"], bytes(row["hash"])) for row in rows}


async def load_added_transfers(connection: Connection) -> list[tuple[int, int]]:
    """Load ledger and number of each transfer behind the head of its ledger, or of a ledger without a head."""
    return [tuple(row) for row in await connection.fetch(QUERIES["ledgers_without_end"])]


async def take_turn_to_sign(connection: Connection) -> bool:
    """Return True if no other process signs now; until the end of the transaction none can."""
    return bool(await connection.fetchval(QUERIES["take_turn_to_sign"]))


async def count_cleared_cut_offs(connection: Connection) -> int:
    """Return how many waves are cleared in all lanes."""
    return int(await connection.fetchval(QUERIES["count_cleared_cut_offs"]))


async def load_last_signed_head(connection: Connection) -> SignedHead | None:
    """Load the latest statement; None if there is none yet."""
    return _signed(await connection.fetchrow(QUERIES["load_last_signed_head"]))


async def load_last_declaring_head(connection: Connection) -> SignedHead | None:
    """Load the latest statement that declares a day's totals, or else the first of all; None if there is none yet."""
    return _signed(await connection.fetchrow(QUERIES["load_last_declaring_head"]))


async def load_signed_head(connection: Connection, number: int) -> SignedHead | None:
    """Load a statement by its number; None if it is not there."""
    return _signed(await connection.fetchrow(QUERIES["load_signed_head"], number))


async def load_declaring_head(connection: Connection, day: date) -> SignedHead | None:
    """Load the statement that declares the totals of a day; None if none does."""
    return _signed(await connection.fetchrow(QUERIES["load_declaring_head"], day))


async def load_signed_heads(connection: Connection, after: int, at_most: int) -> list[SignedHead]:
    """Load up to `at_most` statements behind a number, in order."""
    return [SignedHead(*row) for row in await connection.fetch(QUERIES["load_signed_heads"], after, at_most)]


async def load_latest_signed_heads(connection: Connection, at_most: int) -> list[str]:
    """Load the texts of the latest statements, in order."""
    return [row["statement"] for row in await connection.fetch(QUERIES["load_latest_signed_heads"], at_most)]


async def insert_signed_head(connection: Connection, head: SignedHead) -> None:
    """Insert a statement behind all others."""
    await connection.execute(QUERIES["insert_signed_head"], *head)


def _signed(row: Record | None) -> SignedHead | None:
    return None if row is None else SignedHead(*row)
