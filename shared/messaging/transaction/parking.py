"""Parked records: they break a rule, are kept sealed in `parked`, and are pointed to by a dead letter.

Their bytes are sealed under the key of the person whom they are about, where one is known.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition
from asyncpg import Connection
from asyncpg import Record as Row

from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.parking import RecordParked
from shared.contracts.person import person_of
from shared.contracts.seals import KeyRing
from shared.messaging.message import Record, first_bytes, pack, unpack, without_ballast
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.deferral import ReplayedRecord, insert_replayed
from shared.messaging.transaction.personal_keys import load_secrets
from shared.postgres.chunks import OnPortion, chunks, ignore_portion
from shared.postgres.columns import columns

# Of a parked record no more is kept; its size and digest are those of the whole.
KEPT_BYTES = 64 << 10
# In place of the bytes of a record about somebody who was erased.
NOT_KEPT = ""
PORTION = 100
# Why a record cannot be replayed.
GONE = "kept in part only, and no longer in Kafka"
STRANGE = "its bytes were altered, are another record's, or lie under a key that is gone"
IN_HEADERS = ("reason", "detail", "topic", "partition", "offset", "parked_at")


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record that breaks a rule; no value from it may stand in `detail`."""

    record: Record
    reason: ParkReason
    detail: str
    lane: int | None


async def flush(
    connection: Connection, parked: Sequence[ParkedRecord], vault: KeyRing, now: datetime
) -> list[RecordParked]:
    """Insert parked records and return the dead letters of those that were not parked already."""
    found: list[RecordParked] = []
    for some in chunks(parked, lambda one: min(len(one.record.value or b""), KEPT_BYTES)):
        found += await _insert(connection, some, vault, now)
    return found


async def _insert(
    connection: Connection, parked: Sequence[ParkedRecord], vault: KeyRing, now: datetime
) -> list[RecordParked]:
    dead_letters = [_dead_letter(one, now) for one in parked]
    kept = [first_bytes(one.record, KEPT_BYTES) for one in parked]
    people = [_person(one.record) for one in parked]
    secrets = await load_secrets(connection, {person for person in people if person})
    seals = [_seal(vault, pack(first), person, secrets) for first, person in zip(kept, people, strict=True)]
    rows = await connection.fetch(
        QUERIES["insert_parked"],
        now,
        *columns(parked, "reason.value", "detail", "lane"),
        *columns(dead_letters, "topic", "partition", "offset", "ce_id", "ce_source", "ce_type", "size"),
        [bytes.fromhex(one.sha256) for one in dead_letters],
        seals,
        [
            first == one.record and not one.record.is_batch and seal != NOT_KEPT
            for first, one, seal in zip(kept, parked, seals, strict=True)
        ],
        people,
    )
    new = {(row["topic"], row["partition"], row["offset"]) for row in rows}
    return [one for one in dead_letters if (one.topic, one.partition, one.offset) in new]


def _person(record: Record) -> str:
    """Return the person whom a record is about; empty if nobody is known, or it is a batch about many."""
    return "" if record.is_batch else person_of(record.key, record.value) or ""


def _seal(vault: KeyRing, packed: bytes, person: str, secrets: Mapping[str, bytes | None]) -> str:
    """Seal a packed record under its person's key, or under the service's own; of who was erased nothing is kept."""
    if person and secrets[person] is None:
        return NOT_KEPT
    return vault.seal_bytes(packed, secret=secrets[person] if person else None)


async def keeps_bytes(connection: Connection) -> bool:
    """Return True if the bytes of any parked record are kept."""
    return bool(await connection.fetchval(QUERIES["keeps_parked_bytes"]))


async def reseal(connection: Connection, vault: KeyRing, on_portion: OnPortion = ignore_portion) -> int:
    """Reseal what is parked under an older key, or was parked before people had keys of their own; return how many.

    Each portion is a transaction of its own: an interrupted run is continued by the next.
    """
    resealed, after = 0, 0
    while rows := await connection.fetch(QUERIES["load_parked_to_reseal"], after, vault.current_prefix, PORTION):
        after = rows[-1]["id"]
        packed = [vault.open_bytes(row["sealed"], secret=row["secret"]) for row in rows]
        people = [_person(unpack(one)) for one in packed]
        async with connection.transaction():
            secrets = await load_secrets(connection, {person for person in people if person})
            seals = [_seal(vault, one, person, secrets) for one, person in zip(packed, people, strict=True)]
            numbers = [row["id"] for row in rows]
            await connection.execute(QUERIES["replace_parked_seals"], numbers, seals, people)
        resealed += len(rows)
        on_portion(len(rows))
    return resealed


def _dead_letter(parked: ParkedRecord, now: datetime) -> RecordParked:
    record = parked.record
    value = record.value or b""
    return RecordParked(
        reason=parked.reason,
        detail=parked.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.begins_at,
        parked_at=now,
        ce_id=_printable(record.header("ce_id")),
        ce_source=_printable(record.header("ce_source")),
        ce_type=_printable(record.header("ce_type")),
        size=len(value),
        sha256=hashlib.sha256(value).hexdigest(),
    )


def headers_of(dead_letter: RecordParked) -> dict[str, str]:
    """Return the headers of a dead letter, which repeat where the record lies and why it was parked."""
    data = dead_letter.model_dump(mode="json", include=set(IN_HEADERS))
    return {f"salur_{name}": str(data[name]) for name in IN_HEADERS}


def _printable(text: str) -> str:
    """Return header text from outside, cut, without characters that a terminal or Postgres cannot take."""
    return "".join(c if c.isprintable() else "?" for c in text[:128])


async def lock_open(connection: Connection, numbers: Sequence[int]) -> list[Row]:
    """Lock and return those of the parked records that are neither replayed nor closed."""
    rows: list[Row] = await connection.fetch(QUERIES["lock_open_parked"], list(numbers))
    return rows


async def requeue(
    connection: Connection, rows: Sequence[Row], vault: KeyRing, inspector: TopicInspector | None, now: datetime
) -> tuple[list[Row], dict[str, list[Row]]]:
    """Defer open parked records until their lane's sweep; return them, and by reason those that stay open.

    A record of which only the first bytes are kept is read from Kafka again, if there is an inspector. One that is gone
    there, or was a record batch that cannot be taken apart, stays open; so does one whose kept bytes are not its own.
    """
    packed = await _read_again(connection, [row for row in rows if not row["whole"]], inspector)
    packed |= {row["id"]: own for row in rows if row["whole"] and (own := _open_own(row, vault)) is not None}
    deferred, left = list[Row](), defaultdict[str, list[Row]](list)
    for row in rows:
        if row["id"] in packed:
            deferred.append(row)
        else:
            left[STRANGE if row["whole"] else GONE].append(row)
    replayed = [
        ReplayedRecord(
            *(str(row["id"]), row["lane"], row["topic"], row["partition"], row["offset"], row["person"]),
            packed[row["id"]],
        )
        for row in deferred
    ]
    await insert_replayed(connection, replayed, now)
    return deferred, left


def _open_own(row: Row, vault: KeyRing) -> bytes | None:
    """Return the packed record of a row; None if its bytes do not open, or are those of another record.

    The place stands inside the seal, and so does the value that the row has the digest of: whoever moves bytes to
    another row cannot alter what they say there.
    """
    try:
        packed = vault.open_bytes(row["sealed"], secret=row["secret"])
        record = unpack(packed)
    except (Parked, ValueError, KeyError, TypeError):
        return None
    same_place = (*record.place, record.offset) == (row["topic"], row["partition"], row["offset"])
    return packed if same_place and hashlib.sha256(record.value or b"").digest() == row["sha256"] else None


async def _read_again(
    connection: Connection, rows: Sequence[Row], inspector: TopicInspector | None
) -> dict[int, bytes]:
    """Return by number the whole records, packed, that are still where they were."""
    found: dict[int, bytes] = {}
    if inspector is None or not rows:
        return found
    # The transaction is idle while Kafka is asked, one record of each partition at a time.
    await connection.execute(QUERIES["be_patient"])
    left: dict[TopicPartition, list[Row]] = defaultdict(list)
    for row in rows:
        left[TopicPartition(row["topic"], row["partition"])].append(row)
    while left:
        asked = {place: of_place.pop() for place, of_place in left.items()}
        left = {place: of_place for place, of_place in left.items() if of_place}
        records = await inspector.records_at({place: row["offset"] for place, row in asked.items()})
        for place, record in records.items():
            same = hashlib.sha256(record.value or b"").digest() == asked[place]["sha256"]
            if same and not record.is_batch:
                found[asked[place]["id"]] = pack(without_ballast(record))
    return found


async def mark_replayed(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that these records are replayed; each may be parked once more."""
    await connection.execute(QUERIES["mark_replayed"], numbers, now)


async def mark_closed(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that a person has looked at these records, and that nothing is to be done."""
    await connection.execute(QUERIES["mark_closed"], numbers, now)


async def delete_old(connection: Connection, before: datetime) -> int:
    """Delete records that were replayed or closed before this time; return how many."""
    status = await connection.execute(QUERIES["delete_old_parked"], before)
    return int(status.rsplit(" ", 1)[-1])
