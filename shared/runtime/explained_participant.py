"""Explanation of a participant by a service: its decisions, and records about the person that wait or were parked."""

from typing import Any

from asyncpg import Connection, Record

from shared.messaging.sequence_number import source_of
from shared.runtime.database import QUERIES
from shared.runtime.definition import ServiceDefinition
from shared.runtime.explanation import Decision, outside_id
from shared.runtime.status import deferred_records_of


async def explain_participant(
    definition: ServiceDefinition, connection: Connection, participant_id: str
) -> list[Decision]:
    """Return all that a service decided about a participant; an empty list if it knows nothing of the person."""
    parked = await connection.fetch(QUERIES["parked_of_person"], participant_id)
    return [
        *await definition.explain(connection, participant_id),
        *(_parked(definition.name, row) for row in parked),
        *(_deferred(record) for record in await deferred_records_of(connection, participant_id)),
    ]


def _parked(service: str, row: Record) -> Decision:
    place = f"{row['topic']}/{row['partition']}/{row['offset']}"
    return Decision(
        at=row["parked_at"],
        decided_at=row["parked_at"],
        decision="record_parked",
        rule=f"park.{row['reason']}",
        facts={name: row[name] for name in ("detail", "ce_type", "replayed_at", "closed_at")} | {"record": place},
        caused_by=_caused_by(row["ce_source"], row["ce_id"]),
        carried_by=f"dead-letters.{service} record_parked {place}",
    )


def _deferred(record: dict[str, Any]) -> Decision:
    place = f"{record['topic']}/{record['partition']}/{record['offset']}"
    return Decision(
        at=record["since"],
        decided_at=record["since"],
        decision="record_deferred",
        rule=f"wait.{record['waits_for']}",
        facts={"key": record["key"], "ce_type": record["type"], "until": record["until"], "record": place},
        caused_by=_caused_by(record["source"], record["id"]),
    )


def _caused_by(source: str | None, event_id: str | None) -> tuple[str, ...]:
    """Return the event that a record carries; none if its envelope does not tell."""
    if not source or not event_id:
        return ()
    return (event_id if source.startswith(source_of("")) else outside_id(source, event_id),)
