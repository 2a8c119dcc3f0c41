"""The end of a transaction: what it has collected becomes rows."""

from shared.contracts.park_reasons import ParkReason
from shared.contracts.parking import record_parked
from shared.contracts.topics import LANES
from shared.errors import InvariantBroken
from shared.messaging.eras import insert_eras
from shared.messaging.outbox import store
from shared.messaging.outbox.page import Page
from shared.messaging.transaction import lane as lanes_of
from shared.messaging.transaction import parking
from shared.messaging.transaction.parking import ParkedRecord
from shared.messaging.transaction.transaction import Transaction, TransactionTerms


async def flush(tx: Transaction, terms: TransactionTerms, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    """Insert deferred and parked records and pages; return the pages.

    The order matters: a deferred record without room, or of an erased person, is parked, and a parked one emits a dead
    letter. `eras` are those that this Postgres session has begun; a lane whose row has another begins a new one. The
    caller takes over the new eras from the pages once the commit is acknowledged.
    """
    tx.park_of_erased(await tx.deferrals.take_of_erased())
    refused = await tx.deferrals.flush(terms.waiting_per_key, terms.waiting_in_all)
    tx.parked.extend(ParkedRecord(one.record, ParkReason.WAIT_FULL, one.kind, one.lane) for one in refused)
    await _flush_parked(tx, terms)
    return await _flush_pages(tx, eras, real_microseconds)


async def _flush_parked(tx: Transaction, terms: TransactionTerms) -> None:
    for dead_letter in await parking.flush(tx.connection, tx.parked, terms.vault, tx.now):
        tx.emit(
            record_parked(terms.service),
            dead_letter,
            lane=dead_letter.partition % LANES,
            key=f"{dead_letter.topic}/{dead_letter.partition}/{dead_letter.offset}",
            headers=parking.headers_of(dead_letter),
        )


async def _flush_pages(tx: Transaction, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    if not tx.emitted:
        return []
    written = {lane for _, lane in tx.emitted}
    if unlocked := written - tx.lanes.keys():
        tx.lanes.update(await lanes_of.lock(tx.connection, unlocked))
    current = {lane: tx.lanes[lane].era for lane in written}
    foreign = [lane for lane, era in current.items() if eras.get(lane) != era]
    if foreign:
        current |= await lanes_of.raise_eras(tx.connection, foreign, real_microseconds)
    pages = await store.number_pages(tx.connection, tx.emitted, current, tx.now)
    for page in pages:
        if tx.counters.get((page.topic, page.lane), page.first_sequence) != page.first_sequence:
            raise InvariantBroken(page.topic, f"lane {page.lane} goes on at another number than its decisions name")
    await insert_eras(tx.connection, [page.begun_era() for page in pages if page.begins_era])
    await store.insert_pages(tx.connection, pages)
    return pages
