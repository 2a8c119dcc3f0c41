"""Forgery of a ledger by an owner of the whole database who does not have the key."""

from asyncpg import Connection

from services.payment.domain.ledger import LedgerHead, chain_postings
from services.payment.store.ledger import append_transfers, load_transfers


async def rewrite_ledger(connection: Connection, lane: int, amount: int) -> None:
    """Write a ledger again with another amount in its last transfer, with matching hashes and head."""
    transfers = await load_transfers(connection, lane, 0, 1000)
    postings = [transfer.posting for transfer in transfers]
    postings[-1] = postings[-1]._replace(amount=amount)
    written, head = [], LedgerHead()
    for posting, before in zip(postings, transfers, strict=True):
        (one,) = chain_postings([posting], head, before.at)
        head = LedgerHead(one.number, one.hash)
        written.append(one)
    await connection.execute("alter table transfer disable trigger user")
    await connection.execute("delete from transfer where lane = $1", lane)
    await append_transfers(connection, written)
    await connection.execute("alter table transfer enable trigger user")
    await connection.execute("update book set hash = $2 where lane = $1", lane, head.hash)
