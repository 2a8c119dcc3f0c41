"""Writes into the books."""

from collections import defaultdict
from collections.abc import Iterable

from services.payment.domain.books import Head, Posting, Transfer, post
from services.payment.store.books import append_transfers, lock_books, save_books
from shared.messaging.transaction import Transaction


async def write_down(tx: Transaction, postings: Iterable[Posting]) -> None:
    """Append the postings to their lanes' books, in the order given.

    Raises BrokenChain where a book does not end as we sealed it: what stands there would be sealed with what is added.
    """
    by_book: dict[int, list[Posting]] = defaultdict(list)
    for posting in postings:
        by_book[posting.lane].append(posting)
    if not by_book:
        return
    heads = await lock_books(tx.connection, by_book)
    transfers: list[Transfer] = []
    for lane, of_lane in sorted(by_book.items()):
        head = heads[lane]
        tx.chain.confirm(head)
        written = post(of_lane, Head(head.number, head.hash), tx.now)
        heads[lane] = tx.chain.seal(head.chain, written[-1].number, written[-1].hash)
        transfers += written
    await append_transfers(tx.connection, transfers)
    await save_books(tx.connection, heads)
