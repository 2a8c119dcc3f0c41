"""Writes down what a transaction has collected: parked and waiting records, pages with their numbers and eras."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from asyncpg import UniqueViolationError

from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import LANES
from shared.messaging.message import first_bytes, pack, without_ballast
from shared.messaging.outbox.page import OutboxEvent, Page, encode
from shared.messaging.queries import QUERIES
from shared.messaging.transaction import lane as lanes_of
from shared.messaging.transaction.transaction import DeferredRecord, ParkedRecord, Transaction, TransactionTerms
from shared.times import write_time

T = TypeVar("T")

# Of a parked record no more is kept; its size and digest are those of the whole.
KEPT_BYTES = 64 << 10
STATEMENT_BYTES = 4 << 20
DEFERRED_COLUMNS = ("lane", "kind", "key", "owner", "topic", "partition", "offset", "since", "due", "digest", "record")
OF_NO_LANE = -1


async def flush(tx: Transaction, terms: TransactionTerms, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    """Saves everything collected and returns the pages written.

    `eras` are those this Postgres session has begun; a lane whose row says otherwise begins a new one. The caller
    takes the new eras over from the pages once the commit is acknowledged.
    """
    await _flush_deferred(tx, terms)
    await _flush_parked(tx, terms)
    return await _flush_pages(tx, eras, real_microseconds)


async def _flush_deferred(tx: Transaction, terms: TransactionTerms) -> None:
    """Sets aside what waits: an identical record once, and no more of a key or in all than there is room for."""
    if not tx.deferred:
        if tx.remaining:
            await _mark_queues(tx, [])
        return
    deferred = _deduplicate(tx.deferred)
    bounded = sorted({w.bound_key for w, _ in deferred if w.due is not None})
    kinds, keys, owners = ([place[n] for place in bounded] for n in range(3))
    rows = await tx.connection.fetch(QUERIES["count_deferred"], kinds, keys, owners)
    count = Counter({(row["kind"], row["key"], row["owner"]): row["waiting"] for row in rows})
    new = Counter(w.bound_key for w, _ in deferred)
    in_all = tx.deferred_count
    if in_all + len(deferred) > terms.waiting_in_all or any(count[p] + new[p] > terms.waiting_per_key for p in bounded):
        deferred = await _without_identical(tx, deferred)
    kept: list[tuple[DeferredRecord, bytes | None]] = []
    for one, digest in deferred:
        full = count[one.bound_key] >= terms.waiting_per_key or in_all + len(kept) >= terms.waiting_in_all
        if one.due is not None and full:
            tx.parked.append(ParkedRecord(one.record, ParkReason.WAIT_FULL, one.kind, one.lane))
            continue
        count[one.bound_key] += 1
        kept.append((one, digest))
    tx.deferred_count += len(kept)
    await _insert_deferred(tx, kept)
    if tx.queued_behind:
        behind = [list(column) for column in zip(*sorted(tx.queued_behind), strict=True)]
        await tx.connection.execute(QUERIES["mark_released"], *behind, LANES - 1)
    await _mark_queues(tx, [one for one, _ in kept])


async def _mark_queues(tx: Transaction, deferred: Sequence[DeferredRecord]) -> None:
    """Note in these lanes that later records queue: behind what is left, and behind what waits for a shared cause."""
    places = {(w.lane, w.kind) for w in deferred if w.owner} | {(lane, kind) for lane, kind, _ in tx.remaining}
    new = [(number, kind) for number, kind in places if number in tx.lanes and kind not in tx.lanes[number].queues]
    if new:
        await tx.connection.execute(QUERIES["mark_queues"], [number for number, _ in new], [kind for _, kind in new])


def _deduplicate(deferred: Sequence[DeferredRecord]) -> list[tuple[DeferredRecord, bytes | None]]:
    """Each with its digest; of identical ones under a key the first."""
    found: dict[object, tuple[DeferredRecord, bytes | None]] = {}
    for number, one in enumerate(deferred):
        digest = one.digest()
        found.setdefault(number if digest is None else (*one.bound_key, digest), (one, digest))
    return list(found.values())


async def _without_identical(
    tx: Transaction, deferred: Sequence[tuple[DeferredRecord, bytes | None]]
) -> list[tuple[DeferredRecord, bytes | None]]:
    """Without those that wait already: where there is no room, a repeat is no reason to park."""
    rows = await tx.connection.fetch(
        QUERIES["load_identical"],
        [one.kind for one, _ in deferred],
        [one.key for one, _ in deferred],
        [one.owner for one, _ in deferred],
        [digest for _, digest in deferred],
    )
    known = {(row["kind"], row["key"], row["owner"], row["digest"]) for row in rows}
    return [(one, digest) for one, digest in deferred if (*one.bound_key, digest) not in known]


async def _insert_deferred(tx: Transaction, deferred: Sequence[tuple[DeferredRecord, bytes | None]]) -> None:
    """Insert them in their order: that of the numbers they get is the order of arrival."""
    rows = [_row(one, digest, tx.now) for one, digest in deferred]
    for some in _chunks(rows, lambda row: len(row[-1])):
        try:
            # Nearly always none of them waits already, and copied rows take less of the log than others.
            async with tx.connection.transaction():
                await tx.connection.copy_records_to_table("waiting", columns=DEFERRED_COLUMNS, records=some)
        except UniqueViolationError:
            await tx.connection.execute(QUERIES["insert_deferred"], *zip(*some, strict=True))


def _row(one: DeferredRecord, digest: bytes | None, now: datetime) -> tuple[Any, ...]:
    record, lane = one.record, OF_NO_LANE if one.lane is None else one.lane
    place = (lane, one.kind, one.key, one.owner, record.topic, record.partition, record.offset)
    return (*place, now, one.due, digest, pack(without_ballast(record, KEPT_BYTES)))


async def _flush_parked(tx: Transaction, terms: TransactionTerms) -> None:
    for some in _chunks(tx.parked, lambda p: min(len(p.record.value or b""), KEPT_BYTES)):
        await _insert_parked(tx, terms, some)


async def _insert_parked(tx: Transaction, terms: TransactionTerms, parked: Sequence[ParkedRecord]) -> None:
    records = [p.record for p in parked]
    kept = [first_bytes(record, KEPT_BYTES) for record in records]
    hashes = [hashlib.sha256(record.value or b"").digest() for record in records]
    rows = await tx.connection.fetch(
        QUERIES["insert_parked"],
        tx.now,
        [p.reason.value for p in parked],
        [p.detail for p in parked],
        [p.lane for p in parked],
        [record.topic for record in records],
        [record.partition for record in records],
        [record.begins_at for record in records],
        [_printable(record.header("ce_id")) for record in records],
        [_printable(record.header("ce_source")) for record in records],
        [_printable(record.header("ce_type")) for record in records],
        [len(record.value or b"") for record in records],
        hashes,
        [terms.vault.seal_bytes(pack(first)) for first in kept],
        [first == record and not record.is_batch for first, record in zip(kept, records, strict=True)],
    )
    new = {(row["topic"], row["partition"], row["offset"]) for row in rows}
    for parked_record, digest in zip(parked, hashes, strict=True):
        record = parked_record.record
        if (record.topic, record.partition, record.begins_at) in new:
            pointer = _pointer(parked_record, digest, terms.service, tx.now)
            tx.emit_raw(f"dead-letters.{terms.service}", record.partition % LANES, pointer)


def _chunks(rows: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Split rows so that no statement grows beyond what the server takes, and memory holds, at once."""
    begins, held = 0, 0
    for place, row in enumerate(rows):
        held += size(row)
        if held > STATEMENT_BYTES and place > begins:
            yield rows[begins:place]
            begins, held = place, size(row)
    if begins < len(rows):
        yield rows[begins:]


def _pointer(parked: ParkedRecord, digest: bytes, service: str, now: datetime) -> OutboxEvent:
    """Points to the parked record, does not copy it."""
    record = parked.record
    place = {
        "reason": parked.reason.value,
        "detail": parked.detail,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.begins_at,
        "parked_at": write_time(now, "microseconds"),
    }
    described = {
        **place,
        "ce_id": _printable(record.header("ce_id")),
        "ce_source": _printable(record.header("ce_source")),
        "ce_type": _printable(record.header("ce_type")),
        "size": len(record.value or b""),
        "sha256": digest.hex(),
    }
    return OutboxEvent(
        type=f"salur.{service}.record_parked.v1",
        key=f"{record.topic}/{record.partition}/{record.begins_at}",
        data=json.dumps(described, separators=(",", ":")).encode(),
        headers={f"salur_{name}": str(value) for name, value in place.items()},
    )


def _printable(text: str) -> str:
    """Header text from outside, short and without what a terminal or Postgres would choke on."""
    return "".join(c if c.isprintable() else "?" for c in text[:128])


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
    pages = await _number_pages(tx, current)
    await insert_pages(tx, pages)
    return pages


async def _number_pages(tx: Transaction, eras: dict[int, int]) -> list[Page]:
    groups = sorted(tx.emitted)
    rows = await tx.connection.fetch(
        QUERIES["draw_sequences"],
        [topic for topic, _ in groups],
        [lane for _, lane in groups],
        [len(tx.emitted[group]) for group in groups],
    )
    if len(rows) != len(groups):
        raise LookupError(f"a topic that this service does not write: {sorted({t for t, _ in groups})}")
    return [
        Page(
            topic=row["topic"],
            lane=row["lane"],
            era=eras[row["lane"]],
            era_first=row["era_first"],
            first_sequence=row["first_sequence"],
            emitted_at=tx.now,
            events=tx.emitted[(row["topic"], row["lane"])],
        )
        for row in rows
    ]


async def insert_pages(tx: Transaction, pages: Sequence[Page]) -> None:
    for some in _chunks([(page, encode(page.events)) for page in pages], lambda block: len(block[1])):
        await tx.connection.execute(
            QUERIES["insert_pages"],
            [page.topic for page, _ in some],
            [page.lane for page, _ in some],
            [page.era for page, _ in some],
            [page.era_first for page, _ in some],
            [page.first_sequence for page, _ in some],
            [page.last_sequence for page, _ in some],
            [page.emitted_at for page, _ in some],
            [page.adopted for page, _ in some],
            [events for _, events in some],
        )
