"""The state of a service in its tables: lanes, positions, parked, deferred and unpublished records."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Connection

from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import LANES, lane_of
from shared.messaging.message import packed_forms, unpack
from shared.runtime import parked as parked_records
from shared.runtime.database import QUERIES
from shared.runtime.definition import Gauge
from shared.times import write_time

RECORDS_SHOWN = 100
# The kinds of records that the engine itself defers; a service's own kinds come with their first record.
DEFERRAL_KINDS = ("lane", "replay")


@dataclass(frozen=True, slots=True)
class LaneState:
    """The state of one lane. `reason` is None while it goes on.

    `unpublished` counts pages; `oldest` is the time at which the first of them was emitted.
    """

    lane: int
    era: int
    reason: str | None
    detail: str | None
    since: datetime | None
    set_aside: bool
    catching_up_since: datetime | None
    unpublished: int
    oldest: datetime | None


def state_of(reason: str | None, *, served: bool | None) -> str:
    """Return the state of a lane or partition for operators; `served` is None if Kafka could not be asked."""
    if reason is not None:
        return "stands still"
    return "nobody serves it" if served is False else "goes on"


async def lanes(connection: Connection) -> list[LaneState]:
    """Return all lanes in order; one with a missing or unreadable record in one of its topics counts as stopped."""
    pages = {row["lane"]: row for row in await connection.fetch(QUERIES["unpublished_pages"])}
    states = []
    for row in await connection.fetch(QUERIES["lanes"]):
        gap = "unreadable" if row["unreadable"] else "gap" if row["gaps"] else None
        unpublished = pages.get(row["lane"])
        states.append(
            LaneState(
                lane=row["lane"],
                era=row["era"],
                reason=row["stopped_reason"] or gap,
                detail=row["stopped_detail"] or ", ".join(row["gaps"]) or None,
                since=row["stopped_at"] or row["gap_since"],
                set_aside=row["set_aside"],
                catching_up_since=row["catching_up_since"],
                unpublished=unpublished["pages"] if unpublished else 0,
                oldest=unpublished["oldest"] if unpublished else None,
            )
        )
    return states


async def stopped_partitions(connection: Connection) -> list[dict[str, object]]:
    """Return the partitions that are not read until an operator sets their position."""
    rows = await connection.fetch(QUERIES["positions"])
    wanted = ("topic", "partition", "next_offset", "stopped_reason")
    return [{name: row[name] for name in wanted} for row in rows if row["stopped_reason"] is not None]


async def degraded(connection: Connection) -> list[str]:
    """Return a sentence for each lane and partition that stands still: since when, why, and what to do."""
    sentences = [
        f"lane {state.lane} stands still since {write_time(state.since)}: {state.reason}, {state.detail or 'no detail'}"
        for state in await lanes(connection)
        if state.reason is not None and state.since is not None
    ]
    stops = await stopped_partitions(connection)
    return sentences + [f"{describe_stop(stop)}; `positions set` sets where reading goes on" for stop in stops]


def describe_stop(stop: Mapping[str, object]) -> str:
    """Return where and why a partition is not read."""
    place = f"{stop['topic']}/{stop['partition']}"
    return f"{place} is not read from {stop['next_offset']} on: {stop['stopped_reason']}"


def unserved(served: Collection[int] | None) -> list[str]:
    """Return a sentence about the lanes that no process serves; none if that is not known."""
    missing = [] if served is None else [str(lane) for lane in range(LANES) if lane not in served]
    return [f"nobody serves lanes {', '.join(missing)}: start a process of the service"] if missing else []


async def parked(connection: Connection) -> dict[str, object]:
    """Return the counts of open parked records, by reason and by group, and the first hundred without content."""
    counts = await connection.fetch(QUERIES["parked_counts"])
    rows = await parked_records.load(
        connection, parked_records.ALL_PARKED, resolved=False, after=0, at_most=RECORDS_SHOWN
    )
    hidden = {"sha256", "replayed_at", "closed_at"}
    return {
        "open": sum(row["records"] for row in counts),
        "by_reason": {row["reason"]: row["records"] for row in counts},
        "groups": await parked_records.groups(connection),
        "oldest": min((row["oldest"] for row in counts), default=None),
        "shown": len(rows),
        "records": [{name: value for name, value in row.items() if name not in hidden} for row in rows],
    }


async def deferred_records_of(connection: Connection, participant_id: str) -> list[dict[str, Any]]:
    """Return the first hundred deferred records about a participant.

    `waits_for` and `key` name the cause, `since` is the time of deferring. A record still waiting at
    `until` is parked as `wait_expired`; None: no limit.
    """
    text = participant_id.encode()
    forms = packed_forms(text)
    rows = await connection.fetch(QUERIES["waiting_of_lane"], lane_of(participant_id), *forms, RECORDS_SHOWN)
    found = [(row, unpack(row["record"])) for row in rows]
    return [
        {
            "type": record.header("ce_type"),
            "source": record.header("ce_source"),
            "id": record.header("ce_id"),
            "waits_for": row["kind"],
            "key": row["key"],
            "since": row["since"],
            "until": row["due"],
            "topic": row["topic"],
            "partition": row["partition"],
            "offset": row["offset"],
        }
        for row, record in found
        if text in (record.key or b"") or text in (record.value or b"")
    ]


async def waiting(
    connection: Connection,
    now: datetime,
    kind: str | None = None,
    key: str | None = None,
    at_most: int = RECORDS_SHOWN,
) -> list[dict[str, object]]:
    """Return what deferred records wait for, the longest first, with the number of records under each kind and key.

    `since` is the time at which the oldest of them was deferred; at `until` the first of them is parked as
    `wait_expired`. None: no limit.
    """
    rows = await connection.fetch(QUERIES["waiting_by_key"], kind, key, at_most)
    return [
        {
            "kind": row["kind"],
            "key": row["key"],
            "records": row["records"],
            "since": write_time(row["since"]),
            "age_seconds": int((now - row["since"]).total_seconds()),
            "until": write_time(row["until"]) if row["until"] else None,
        }
        for row in rows
    ]


async def gauges(connection: Connection, service: str, now: datetime) -> Sequence[Gauge]:
    """Return the engine's gauges, zeros included."""
    found: list[Gauge] = []
    for state in await lanes(connection):
        labels = {"service": service, "lane": str(state.lane)}
        age = (now - state.oldest).total_seconds() if state.oldest else 0.0
        stopped = {**labels, "reason": state.reason or ""}
        found.append(Gauge("salur_stopped_lanes", int(state.reason is not None), stopped))
        found.append(Gauge("salur_pages_unpublished", state.unpublished, labels))
        found.append(Gauge("salur_page_oldest_unpublished_seconds", age, labels))
    for stop in await stopped_partitions(connection):
        place = {"topic": str(stop["topic"]), "partition": str(stop["partition"])}
        labels = {"service": service, **place, "reason": str(stop["stopped_reason"])}
        found.append(Gauge("salur_stopped_partitions", 1, labels))
    counts = {row["reason"]: row["records"] for row in await connection.fetch(QUERIES["parked_counts"])}
    found += [
        Gauge("salur_parked_records", counts.get(reason.value, 0), {"service": service, "reason": reason.value})
        for reason in ParkReason
    ]
    return found + await _deferred_gauges(connection, service, now)


async def _deferred_gauges(connection: Connection, service: str, now: datetime) -> list[Gauge]:
    rows = await connection.fetch(QUERIES["waiting_counts"])
    waiting = dict.fromkeys(DEFERRAL_KINDS, (0, now)) | {row["kind"]: (row["records"], row["oldest"]) for row in rows}
    found = []
    for kind, (records, oldest) in waiting.items():
        labels = {"service": service, "kind": kind}
        found.append(Gauge("salur_waiting_records", records, labels))
        found.append(Gauge("salur_waiting_oldest_seconds", (now - oldest).total_seconds(), labels))
    return found
