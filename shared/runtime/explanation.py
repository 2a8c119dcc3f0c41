"""Explanation of a participant: every decision about one person, in order of time, for a person or a program."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asyncpg import Connection
from rich.table import Table

from shared.contracts.events import EventType
from shared.messaging.eras import EventIds
from shared.times import write_time

NOT_RECORDED = "not recorded"
"""Stands for a time or an event id that is not kept: the decision is older than the column."""
TABLE_COLUMNS = ("time", "decision", "rule", "rupiah", "facts", "events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about a person.

    `at` is the time that counts for it: of the event that it is about, else of the decision itself. `decided_at` is our
    clock when it was made, None if that is not recorded. `rule` is a stable name from docs/contracts/explain.md.
    `amounts` are whole rupiah. `caused_by` are ids of events. `carried_by` is the id of the event that announced it;
    None if none does.
    """

    at: datetime
    decision: str
    rule: str
    about: str | None = None
    decided_at: datetime | None = None
    scheme: str | None = None
    scheme_version: int | None = None
    amounts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    caused_by: Sequence[str] = ()
    carried_by: str | None = None


Explain = Callable[[Connection, str], Awaitable[Sequence[Decision]]]
"""Returns all decisions about a participant that a service knows of; none if it knows nothing of the person."""


def own_id(ids: EventIds, topic: str, sequence: int | None) -> str:
    """Return the id of an event of the service's own by its number."""
    return next(iter(ids.of(topic, sequence)), NOT_RECORDED) if sequence is not None else NOT_RECORDED


def read_ids(ids: EventIds, topic: str, sequence: int | None) -> tuple[str, ...]:
    """Return the id of an event that was read, by its number; two if its producer gave that again after a restore."""
    return tuple(ids.of(topic, sequence) if sequence is not None else ()) or (NOT_RECORDED,)


def outside_id(source: str, event_id: str) -> str:
    """Return the name of an event from outside, whose id is unique at its source."""
    return f"{source} {event_id}"


def keyed_id(event: EventType[Any], *key: str, topic: str = "") -> str:
    """Return the name of an event whose id is not kept: its topic, its name, and the business key that it has once."""
    return f"{topic or event.topic} {event.name.split('.')[2]} {'/'.join(key)}"


def in_order(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions in order of time; those of one time stay in the order given."""
    return sorted(decisions, key=lambda one: one.at)


def explanation_of(service: str, participant_id: str, decisions: Sequence[Decision]) -> dict[str, object]:
    """Return the explanation as JSON shows it."""
    return {
        "service": service,
        "participant_id": participant_id,
        "decisions": [members_of(decision) for decision in in_order(decisions)],
    }


def members_of(decision: Decision) -> dict[str, object]:
    """Return one decision as JSON shows it: times as texts, facts that are None left out."""
    return {
        "at": write_time(decision.at),
        "decided_at": NOT_RECORDED if decision.decided_at is None else write_time(decision.decided_at),
        "decision": decision.decision,
        "about": decision.about,
        "rule": decision.rule,
        "scheme": decision.scheme,
        "scheme_version": decision.scheme_version,
        "amounts": dict(decision.amounts),
        "facts": {name: _plain(value) for name, value in decision.facts.items() if value is not None},
        "caused_by": list(decision.caused_by),
        "carried_by": decision.carried_by,
    }


def table_of(decisions: Sequence[Decision]) -> Table:
    """Return the decisions as a table for a terminal."""
    table = Table(*TABLE_COLUMNS, box=None)
    for decision in in_order(decisions):
        facts = {name: _plain(value) for name, value in decision.facts.items() if value is not None}
        events = [f"by {event}" for event in decision.caused_by]
        events += [f"in {decision.carried_by}"] if decision.carried_by else []
        table.add_row(
            write_time(decision.at),
            _lines([decision.decision, decision.about]),
            _lines([decision.rule, decision.scheme and f"{decision.scheme}.{decision.scheme_version}"]),
            _lines(f"{name} {amount:,}" for name, amount in decision.amounts.items()),
            _lines(f"{name} {_text(value)}" for name, value in facts.items()),
            _lines(events),
        )
    return table


def _lines(parts: Iterable[str | None]) -> str:
    return "\n".join(part for part in parts if part)


def _plain(value: object) -> object:
    return write_time(value) if isinstance(value, datetime) else value


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
