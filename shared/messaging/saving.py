"""Writes down what a transaction has collected: parked and waiting records, pages with their numbers and eras."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from shared.contracts.reasons import ParkReason
from shared.contracts.topics import LANES
from shared.messaging import lane as lanes_of
from shared.messaging.lane import QUERIES
from shared.messaging.message import pack
from shared.messaging.page import Page, Said, encode, timestamp
from shared.messaging.transaction import ParkedRecord, Terms, Transaction, WaitingRecord


async def save(tx: Transaction, terms: Terms, eras: dict[int, int], real_microseconds: int) -> list[Page]:
    """Saves everything collected and returns the pages written.

    `eras` are those this Postgres session has begun; a lane whose row says otherwise begins a new one. The caller
    takes the new eras over from the pages once the commit is acknowledged.
    """
    await _save_waiting(tx, terms)
    await _save_parked(tx, terms)
    return await _save_pages(tx, eras, real_microseconds)


async def _save_waiting(tx: Transaction, terms: Terms) -> None:
    if not tx.waiting:
        return
    bounded = sorted({(w.kind, w.key, w.owner) for w in tx.waiting if w.due is not None})
    rows = await tx.connection.fetch(
        QUERIES["count_waiting"], [k for k, _, _ in bounded], [k for _, k, _ in bounded], [o for _, _, o in bounded]
    )
    count = {(row["kind"], row["key"], row["owner"]): row["waiting"] for row in rows}
    kept: list[WaitingRecord] = []
    for waiting in tx.waiting:
        place = (waiting.kind, waiting.key, waiting.owner)
        if waiting.due is not None and count.get(place, 0) >= terms.waiting_per_key:
            tx.parked.append(ParkedRecord(waiting.record, ParkReason.WAIT_FULL, waiting.kind, waiting.lane))
            continue
        count[place] = count.get(place, 0) + 1
        kept.append(waiting)
    await insert_waiting(tx, kept)


async def insert_waiting(tx: Transaction, waiting: Sequence[WaitingRecord]) -> None:
    await tx.connection.execute(
        QUERIES["insert_waiting"],
        tx.now,
        [w.lane for w in waiting],
        [w.kind for w in waiting],
        [w.key for w in waiting],
        [w.owner for w in waiting],
        [w.record.topic for w in waiting],
        [w.record.partition for w in waiting],
        [w.record.offset for w in waiting],
        [w.due for w in waiting],
        [pack(w.record) for w in waiting],
    )


async def _save_parked(tx: Transaction, terms: Terms) -> None:
    if not tx.parked:
        return
    records = [p.record for p in tx.parked]
    hashes = [hashlib.sha256(record.value or b"").digest() for record in records]
    rows = await tx.connection.fetch(
        QUERIES["insert_parked"],
        tx.now,
        [p.reason.value for p in tx.parked],
        [p.detail for p in tx.parked],
        [p.lane for p in tx.parked],
        [record.topic for record in records],
        [record.partition for record in records],
        [record.offset for record in records],
        [_printable(record.header("ce_id")) for record in records],
        [_printable(record.header("ce_source")) for record in records],
        [_printable(record.header("ce_type")) for record in records],
        [len(record.value or b"") for record in records],
        hashes,
        [terms.vault.seal_bytes(pack(record)) for record in records],
    )
    new = {(row["topic"], row["partition"], row["offset"]) for row in rows}
    for parked, digest in zip(tx.parked, hashes, strict=True):
        if (parked.record.topic, parked.record.partition, parked.record.offset) in new:
            pointer = _pointer(parked, digest, terms.service, tx.now)
            tx.say(f"dead-letters.{terms.service}", parked.record.partition % LANES, pointer)


def _pointer(parked: ParkedRecord, digest: bytes, service: str, now: datetime) -> Said:
    """Points to the parked record, does not copy it."""
    record = parked.record
    place = {
        "reason": parked.reason.value,
        "detail": parked.detail,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "parked_at": timestamp(now),
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
        key=f"{record.topic}/{record.partition}/{record.offset}",
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
    await tx.connection.execute(
        QUERIES["insert_pages"],
        [page.topic for page in pages],
        [page.lane for page in pages],
        [page.era for page in pages],
        [page.era_first for page in pages],
        [page.first_sequence for page in pages],
        [page.last_sequence for page in pages],
        [page.said_at for page in pages],
        [page.adopted for page in pages],
        [encode(page.events) for page in pages],
    )
