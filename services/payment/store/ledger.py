"""Ledgers and their transfers."""

from collections.abc import Collection, Mapping, Sequence

from asyncpg import Connection, Record

from services.payment.domain.entitlement import Component
from services.payment.domain.ledger import FUNDS_LEDGER, GENESIS, TREASURY_LEDGER, Posting, Transfer
from services.payment.store import QUERIES
from shared.contracts.topics import LANES
from shared.messaging.chain import Chains, SealedHead
from shared.postgres.columns import columns

# Rows are copied, not inserted, which takes less than half the time and writes less log.
COLUMNS = ("lane", "number", "wave", "component", "debit", "credit", "amount", "reference", "at", "hash")
ALL_LEDGERS = (FUNDS_LEDGER, TREASURY_LEDGER, *range(LANES))


async def lock_ledger_heads(connection: Connection, lanes: Collection[int]) -> dict[int, SealedHead]:
    """Lock and return the heads of ledgers; a missing one is empty and unsealed."""
    rows = await connection.fetch(QUERIES["lock_ledger_heads"], sorted(lanes))
    missing = {lane: SealedHead(chain_of(lane), 0, GENESIS, None) for lane in lanes}
    return missing | {row["lane"]: _head(row) for row in rows}


async def load_ledger_heads(connection: Connection) -> dict[int, SealedHead]:
    """Load the heads of all ledgers."""
    return {row["lane"]: _head(row) for row in await connection.fetch(QUERIES["load_ledger_heads"])}


async def save_ledger_heads(connection: Connection, heads: Mapping[int, SealedHead]) -> None:
    """Save the new heads of ledgers."""
    ends = columns(heads.values(), "number", "hash", "seal")
    await connection.execute(QUERIES["save_ledger_heads"], list(heads), *ends)


async def load_transfers(connection: Connection, lane: int, after: int, at_most: int) -> list[Transfer]:
    """Load up to `at_most` transfers of a ledger after a number, in order."""
    return [transfer_of(row) for row in await connection.fetch(QUERIES["load_transfers"], lane, after, at_most)]


async def append_transfers(connection: Connection, transfers: Sequence[Transfer]) -> None:
    """Append transfers to their ledgers."""
    await connection.copy_records_to_table("transfer", columns=COLUMNS, records=[_row(t) for t in transfers])


def _row(transfer: Transfer) -> tuple[object, ...]:
    p = transfer.posting
    account = (p.wave, p.component, p.debit, p.credit, p.amount, p.reference)
    return (p.lane, transfer.number, *account, transfer.at, transfer.hash)


def transfer_of(row: Record) -> Transfer:
    """Return the transfer of a row."""
    posting = Posting(
        lane=row["lane"],
        wave=row["wave"],
        component=Component(row["component"]),
        debit=row["debit"],
        credit=row["credit"],
        amount=row["amount"],
        reference=row["reference"],
    )
    return Transfer(row["number"], posting, row["at"], row["hash"])


def chain_of(lane: int) -> str:
    """Return the name of a ledger among the chains of the service.

    The name is part of what is sealed, so it keeps the table's word: under another name no stored seal would verify.
    """
    return f"book {lane}"


def _head(row: Record) -> SealedHead:
    return SealedHead(chain_of(row["lane"]), row["number"], row["hash"], row["seal"])


async def _load_heads(connection: Connection) -> list[SealedHead]:
    return [*(await load_ledger_heads(connection)).values()]


async def _save_heads(connection: Connection, heads: Sequence[SealedHead]) -> None:
    lanes = {chain_of(lane): lane for lane in ALL_LEDGERS}
    await save_ledger_heads(connection, {lanes[head.chain]: head for head in heads})


LEDGER_CHAINS = Chains("books", [chain_of(lane) for lane in ALL_LEDGERS], _load_heads, _save_heads)
