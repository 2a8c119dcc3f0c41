"""Writes down what a transaction has collected: parked and waiting records, pages with their numbers and eras."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from asyncpg import UniqueViolationError

from shared.contracts.reasons import ParkReason
from shared.contracts.topics import LANES
from shared.messaging import lane as lanes_of
from shared.messaging.lane import QUERIES
from shared.messaging.message import first_bytes, pack, without_ballast
from shared.messaging.page import Page, Said, encode
from shared.messaging.transaction import ParkedRecord, Terms, Transaction, WaitingRecord
from shared.times import write_time

T = TypeVar("T")

# Of a parked record no more is kept; its size and digest are those of the whole.
KEPT_BYTES = 64 << 10
STATEMENT_BYTES = 4 << 20
WAITING = ("lane", "kind", "key", "owner", "topic", "partition", "offset", "since", "due", "digest", "record")
OF_NO_LANE = -1


async def save(tx: Transaction, terms: Terms, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    """Saves everything collected and returns the pages written.

    `eras` are those this Postgres session has begun; a lane whose row says otherwise begins a new one. The caller
    takes the new eras over from the pages once the commit is acknowledged.
    """
    await _save_waiting(tx, terms)
    await _save_parked(tx, terms)
    return await _save_pages(tx, eras, real_microseconds)


async def _save_waiting(tx: Transaction, terms: Terms) -> None:
    """Sets aside what waits: an identical record once, and no more of a key or in all than there is room for."""
    if not tx.waiting:
        if tx.left:
            await _mark_queues(tx, [])
        return
    waiting = _once(tx.waiting)
    bounded = sorted({w.place for w, _ in waiting if w.due is not None})
    kinds, keys, owners = ([place[n] for place in bounded] for n in range(3))
    rows = await tx.connection.fetch(QUERIES["count_waiting"], kinds, keys, owners)
    count = Counter({(row["kind"], row["key"], row["owner"]): row["waiting"] for row in rows})
    new = Counter(w.place for w, _ in waiting)
    in_all = tx.waiting_in_all
    if in_all + len(waiting) > terms.waiting_in_all or any(count[p] + new[p] > terms.waiting_per_key for p in bounded):
        waiting = await _not_there_yet(tx, waiting)
    kept: list[tuple[WaitingRecord, bytes | None]] = []
    for one, digest in waiting:
        full = count[one.place] >= terms.waiting_per_key or in_all + len(kept) >= terms.waiting_in_all
        if one.due is not None and full:
            tx.parked.append(ParkedRecord(one.record, ParkReason.WAIT_FULL, one.kind, one.lane))
            continue
        count[one.place] += 1
        kept.append((one, digest))
    tx.waiting_in_all += len(kept)
    await _insert_waiting(tx, kept)
    if tx.behind:
        behind = [list(column) for column in zip(*sorted(tx.behind), strict=True)]
        await tx.connection.execute(QUERIES["mark_woken"], *behind, LANES - 1)
    await _mark_queues(tx, [one for one, _ in kept])


async def _mark_queues(tx: Transaction, waiting: Sequence[WaitingRecord]) -> None:
    """Note in these lanes that later records queue: behind what is left, and behind what waits for a shared cause."""
    places = {(w.lane, w.kind) for w in waiting if w.owner} | {(lane, kind) for lane, kind, _ in tx.left}
    new = [(number, kind) for number, kind in places if number in tx.lanes and kind not in tx.lanes[number].queues]
    if new:
        await tx.connection.execute(QUERIES["mark_queues"], [number for number, _ in new], [kind for _, kind in new])


def _once(waiting: Sequence[WaitingRecord]) -> list[tuple[WaitingRecord, bytes | None]]:
    """Each with its digest; of identical ones under a key the first."""
    found: dict[object, tuple[WaitingRecord, bytes | None]] = {}
    for number, one in enumerate(waiting):
        digest = one.digest()
        found.setdefault(number if digest is None else (*one.place, digest), (one, digest))
    return list(found.values())


async def _not_there_yet(
    tx: Transaction, waiting: Sequence[tuple[WaitingRecord, bytes | None]]
) -> list[tuple[WaitingRecord, bytes | None]]:
    """Without those that wait already: where there is no room, a repeat is no reason to park."""
    rows = await tx.connection.fetch(
        QUERIES["load_identical"],
        [one.kind for one, _ in waiting],
        [one.key for one, _ in waiting],
        [one.owner for one, _ in waiting],
        [digest for _, digest in waiting],
    )
    known = {(row["kind"], row["key"], row["owner"], row["digest"]) for row in rows}
    return [(one, digest) for one, digest in waiting if (*one.place, digest) not in known]


async def _insert_waiting(tx: Transaction, waiting: Sequence[tuple[WaitingRecord, bytes | None]]) -> None:
    """Insert them in their order: that of the numbers they get is the order of arrival."""
    rows = [_row(one, digest, tx.now) for one, digest in waiting]
    for some in _statements(rows, lambda row: len(row[-1])):
        try:
            # Nearly always none of them waits already, and copied rows take less of the log than others.
            async with tx.connection.transaction():
                await tx.connection.copy_records_to_table("waiting", columns=WAITING, records=some)
        except UniqueViolationError:
            await tx.connection.execute(QUERIES["insert_waiting"], *zip(*some, strict=True))


def _row(one: WaitingRecord, digest: bytes | None, now: datetime) -> tuple[Any, ...]:
    record, lane = one.record, OF_NO_LANE if one.lane is None else one.lane
    place = (lane, one.kind, one.key, one.owner, record.topic, record.partition, record.offset)
    return (*place, now, one.due, digest, pack(without_ballast(record, KEPT_BYTES)))


async def _save_parked(tx: Transaction, terms: Terms) -> None:
    for some in _statements(tx.parked, lambda p: min(len(p.record.value or b""), KEPT_BYTES)):
        await _insert_parked(tx, terms, some)


async def _insert_parked(tx: Transaction, terms: Terms, parked: Sequence[ParkedRecord]) -> None:
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
            tx.say(f"dead-letters.{terms.service}", record.partition % LANES, pointer)


def _statements(rows: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Split rows so that no statement grows beyond what the server takes, and memory holds, at once."""
    begins, held = 0, 0
    for place, row in enumerate(rows):
        held += size(row)
        if held > STATEMENT_BYTES and place > begins:
            yield rows[begins:place]
            begins, held = place, size(row)
    if begins < len(rows):
        yield rows[begins:]


def _pointer(parked: ParkedRecord, digest: bytes, service: str, now: datetime) -> Said:
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
    return Said(
        type=f"salur.{service}.record_parked.v1",
        key=f"{record.topic}/{record.partition}/{record.begins_at}",
        data=json.dumps(described, separators=(",", ":")).encode(),
        headers={f"salur_{name}": str(value) for name, value in place.items()},
    )


def _printable(text: str) -> str:
    """Header text from outside, short and without what a terminal or Postgres would choke on."""
    return "".join(c if c.isprintable() else "?" for c in text[:128])


async def _save_pages(tx: Transaction, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    if not tx.announced:
        return []
    written = {lane for _, lane in tx.announced}
    if unlocked := written - tx.lanes.keys():
        tx.lanes.update(await lanes_of.lock(tx.connection, unlocked))
    current = {lane: tx.lanes[lane].era for lane in written}
    foreign = [lane for lane, era in current.items() if eras.get(lane) != era]
    if foreign:
        current |= await lanes_of.raise_eras(tx.connection, foreign, real_microseconds)
    pages = await _number(tx, current)
    await insert_pages(tx, pages)
    return pages


async def _number(tx: Transaction, eras: dict[int, int]) -> list[Page]:
    groups = sorted(tx.announced)
    rows = await tx.connection.fetch(
        QUERIES["draw_sequences"],
        [topic for topic, _ in groups],
        [lane for _, lane in groups],
        [len(tx.announced[group]) for group in groups],
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
            said_at=tx.now,
            events=tx.announced[(row["topic"], row["lane"])],
        )
        for row in rows
    ]


async def insert_pages(tx: Transaction, pages: Sequence[Page]) -> None:
    for some in _statements([(page, encode(page.events)) for page in pages], lambda block: len(block[1])):
        await tx.connection.execute(
            QUERIES["insert_pages"],
            [page.topic for page, _ in some],
            [page.lane for page, _ in some],
            [page.era for page, _ in some],
            [page.era_first for page, _ in some],
            [page.first_sequence for page, _ in some],
            [page.last_sequence for page, _ in some],
            [page.said_at for page, _ in some],
            [page.adopted for page, _ in some],
            [events for _, events in some],
        )
