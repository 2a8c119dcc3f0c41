"""Operations: the changes that a person makes to lanes, positions, pages and parked records.

Each function runs inside the caller's transaction and writes to the log of operations; a preview rolls back. Where
nothing can be done it raises Refused.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from shared.contracts.seals import KeyRing
from shared.errors import Refused
from shared.messaging.engine.operator import Operator, Outcome, require_second_person
from shared.messaging.outbox.store import load_counters
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction import parking
from shared.messaging.transaction.flush import flush
from shared.messaging.transaction.lane import lock, real_microseconds
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

# Up to this number, records are listed one by one.
FEW = 20


async def in_lane(
    connection: Connection,
    operator: Operator,
    terms: TransactionTerms,
    lane: int,
    action: Callable[[Transaction], Awaitable[Outcome]],
) -> Outcome:
    """Run an action in one lane with its row locked, as the lane's writer; the events it emits become pages."""
    locked = await lock(connection, [lane])
    counters = await load_counters(connection, locked)
    tx = Transaction(connection, terms, now=operator.now, watermark=operator.now, lanes=locked, counters=counters)
    outcome = await action(tx)
    await flush(tx, terms, {}, real_microseconds())
    return outcome


async def resume_lane(connection: Connection, operator: Operator, lane: int) -> Outcome:
    """Let a stopped lane go on with the record that stopped it, or could not be read."""
    row = await connection.fetchrow(QUERIES["lane_to_resume"], lane)
    if row is None:
        raise Refused(f"there is no lane {lane}")
    unreadable = await connection.fetch(QUERIES["unreadable_of_lane"], lane)
    if row["stopped_reason"] is None and not unreadable:
        gaps = await connection.fetch(QUERIES["lanes_with_gaps"], [lane])
        if gaps:
            topics = ", ".join(sorted(gap["topic"] for gap in gaps))
            raise Refused(
                f"lane {lane} waits for numbers missing in {topics}: `pages say-again` of their producer helps"
            )
        raise Refused(f"lane {lane} is not stopped, there is nothing to resume")
    await connection.execute(QUERIES["resume_lane"], lane)
    await connection.execute(QUERIES["go_back_to_unreadable"], lane, False)
    reasons = [row["stopped_reason"]] if row["stopped_reason"] else []
    reasons += [f"{_unreadable(place)}, which is read again" for place in unreadable]
    await operator.record(connection, "lanes resume", lane=lane, reason="; ".join(reasons))
    return Outcome(changed=True, sentence=f"lane {lane} goes on; it had stopped for {'; '.join(reasons)}")


async def pass_lane(connection: Connection, operator: Operator, lane: int) -> Outcome:
    """Let a lane go on past a record that cannot be read: park it and take its number. Requires two persons."""
    unreadable = await connection.fetch(QUERIES["unreadable_of_lane"], lane)
    if not unreadable:
        raise Refused(f"lane {lane} is not stopped at an unreadable record, there is nothing to pass")
    if all(place["pass_offset"] is not None for place in unreadable):
        return Outcome(changed=False, sentence=f"lane {lane} is passing its record already")
    records = [f"{_unreadable(place)}, number {place['last_sequence'] + 1}" for place in unreadable]
    subject, listed = f"lane {lane}", "; ".join(records)
    first = await require_second_person(connection, operator, "lanes pass", subject, {"lane": lane, "records": records})
    if first is None:
        sentence = f"{subject} passes {listed} once a second person consents"
        return Outcome(changed=True, sentence=sentence, awaits_second=True)
    await connection.execute(QUERIES["go_back_to_unreadable"], lane, True)
    await operator.record(connection, "lanes pass", lane=lane, records=records, first=first)
    sentence = f"{subject} goes on; {listed}, is parked and its number taken. {first} consented first"
    return Outcome(changed=True, sentence=sentence)


def _unreadable(place: Record) -> str:
    return f"{place['topic']}/{place['partition']} at {place['unreadable_offset']} ({place['unreadable_why']})"


async def set_position(
    connection: Connection, operator: Operator, topic: str, partition: int, offset: int, kept: tuple[int, int]
) -> Outcome:
    """Set the offset at which reading goes on in a partition. `kept` are the offsets [begin, end) that Kafka holds."""
    beginning, end = kept
    if not beginning <= offset <= end:
        raise Refused(f"{topic}/{partition} holds offsets {beginning} to {end}, not {offset}; set one of those")
    row = await connection.fetchrow(QUERIES["position_to_set"], topic, partition)
    if row is None:
        raise Refused(f"this service has not read {topic}/{partition}; `positions` shows what it has read")
    old, reason = row["next_offset"], row["stopped_reason"]
    if old == offset and reason is None:
        return Outcome(changed=False, sentence=f"{topic}/{partition} is at offset {offset} already")
    await connection.execute(QUERIES["set_position"], topic, partition, offset)
    place = {"topic": topic, "partition": partition}
    await operator.record(connection, "positions set", **place, before=old, after=offset, reason=reason)
    sentence = f"{topic}/{partition} goes on at {offset} instead of {old}{_moved(old, offset)}"
    return Outcome(changed=True, sentence=sentence)


def _moved(old: int, new: int) -> str:
    if new > old:
        return f"; {new - old} records are skipped and have no effect here"
    if new < old:
        return f"; {old - new} records are read again, duplicates change nothing"
    return ""


async def republish(connection: Connection, operator: Operator, topic: str, lane: int, from_sequence: int) -> Outcome:
    """Let the lane's publisher send all events again from a sequence number on."""
    row = await connection.fetchrow(QUERIES["pages_to_republish"], topic, lane, from_sequence)
    if row is None:
        raise Refused(f"this service does not write {topic}, lane {lane}")
    if row["pages"] == 0:
        raise Refused(f"{topic}, lane {lane}: no page from {from_sequence} on; the last number is {row['published']}")
    if row["first_sequence"] > from_sequence:
        raise Refused(f"{topic}, lane {lane}: pages are kept from {row['first_sequence']} on only")
    if row["say_again_from"] is not None and row["say_again_from"] <= from_sequence:
        return Outcome(
            changed=False, sentence=f"{topic}, lane {lane} is being published again from {row['say_again_from']}"
        )
    await connection.execute(QUERIES["request_republish"], topic, lane, from_sequence)
    place = {"topic": topic, "lane": lane}
    await operator.record(connection, "pages say-again", **place, from_sequence=from_sequence)
    return Outcome(changed=True, sentence=f"{topic}, lane {lane}: {row['pages']} pages are published again")


async def replay_parked(
    connection: Connection,
    operator: Operator,
    numbers: Sequence[int],
    vault: KeyRing,
    inspector: TopicInspector | None = None,
) -> Outcome:
    """Replay parked records in the sweeps of their lanes; leave alone those replayed or closed already.

    Raise Refused when none can be replayed.
    """
    replayed, left = await requeue_parked(connection, operator.now, numbers, vault, inspector)
    kept = "".join(f"; {why}: {_listed(rows)}" for why, rows in left.items())
    if not replayed:
        raise Refused(f"none is replayed{kept}. `positions set` reads a partition again from an offset on")
    resolved = [row["id"] for row in replayed]
    await parking.mark_replayed(connection, resolved, operator.now)
    await operator.record(connection, "parked replay", numbers=resolved)
    return Outcome(changed=True, sentence=f"{_count(replayed)} replayed: {_listed(replayed)}{kept}")


async def requeue_parked(
    connection: Connection, now: datetime, numbers: Sequence[int], vault: KeyRing, inspector: TopicInspector | None
) -> tuple[list[Record], dict[str, list[Record]]]:
    """Defer open parked records until the sweeps of their lanes; return those deferred, and by reason those that stay.

    A record of which only the first bytes were kept is read from Kafka again by `inspector`. Raise Refused when none is
    open.
    """
    rows = await parking.lock_open(connection, numbers)
    if not rows:
        raise Refused("none of these records is open; `parked list` shows those that are")
    return await parking.requeue(connection, rows, vault, inspector, now)


async def close_parked(connection: Connection, operator: Operator, numbers: Sequence[int]) -> Outcome:
    """Close parked records that need no replay; leave alone those replayed or closed already."""
    rows = await parking.lock_open(connection, numbers)
    if not rows:
        raise Refused("none of these records is open; `parked list` shows those that are")
    closed = [row["id"] for row in rows]
    await parking.mark_closed(connection, closed, operator.now)
    await operator.record(connection, "parked close", numbers=closed)
    return Outcome(changed=True, sentence=f"{_count(rows)} closed: {_listed(rows)}")


def _count(rows: Sequence[Record]) -> str:
    return "1 record" if len(rows) == 1 else f"{len(rows)} records"


def _listed(rows: Sequence[Record]) -> str:
    if len(rows) <= FEW:
        return ", ".join(f"{row['id']} ({row['reason']})" for row in rows)
    return ", ".join(f"{count} x {reason}" for reason, count in Counter(row["reason"] for row in rows).most_common())
