"""Posting into the ledgers."""

from collections import defaultdict
from collections.abc import Iterable

from services.payment.domain.ledger import LedgerHead, Posting, Transfer, chain_postings
from services.payment.store.ledger import append_transfers, lock_ledger_heads, save_ledger_heads
from shared.messaging.transaction.transaction import Transaction


async def post(tx: Transaction, postings: Iterable[Posting]) -> None:
    """Append postings to their ledgers, in the order given.

    Raise BrokenChain when a ledger does not end under our seal: a new seal would cover what was changed.
    """
    by_ledger: dict[int, list[Posting]] = defaultdict(list)
    for posting in postings:
        by_ledger[posting.lane].append(posting)
    if not by_ledger:
        return
    heads = await lock_ledger_heads(tx.connection, by_ledger)
    transfers: list[Transfer] = []
    for lane, of_lane in sorted(by_ledger.items()):
        head = heads[lane]
        tx.chain.confirm(head)
        written = chain_postings(of_lane, LedgerHead(head.number, head.hash), tx.now)
        heads[lane] = tx.chain.seal(head.chain, written[-1].number, written[-1].hash)
        transfers += written
    await append_transfers(tx.connection, transfers)
    await save_ledger_heads(tx.connection, heads)
