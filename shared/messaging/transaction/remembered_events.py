"""Remembered events: published before a restore and adopted since, they are kept until their cause is read again.

They stay binding: a handler recalls them before it decides, and emits none a second time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from shared.contracts.events import EventType
from shared.messaging.queries import QUERIES
from shared.messaging.transaction.transaction import Transaction
from shared.postgres.columns import columns

T = TypeVar("T")


class RecalledEvent(NamedTuple, Generic[T]):
    """A remembered event with its data parsed."""

    key: str
    owner: str
    data: T


@dataclass(frozen=True, slots=True)
class RememberedEvent:
    """An event of the past. `type` is its type, or a name of the service's own; `owner` is the person it is about."""

    type: str
    key: str
    owner: str
    data: bytes


async def remember(tx: Transaction, lane: int, events: Sequence[RememberedEvent]) -> None:
    """Keep events in these lanes; of several with the same type and key the last one."""
    last = {(event.type, event.key): event for event in events}
    if not last:
        return
    await tx.connection.execute(
        QUERIES["remember"],
        *columns(last.values(), "type", "key", "owner"),
        [event.data.decode() for event in last.values()],
    )
    await tx.connection.execute(QUERIES["mark_remembering"], [lane])


async def recall(tx: Transaction, owners: Collection[str], *types: str) -> list[RememberedEvent]:
    """Return the events of these types about these people. Without a restore no query is made."""
    if not owners or not any(lane.remembers for lane in tx.lanes.values()):
        return []
    rows = await tx.connection.fetch(QUERIES["recall"], list(owners), list(types))
    return [RememberedEvent(row["type"], row["key"], row["owner"], row["data"].encode()) for row in rows]


async def recall_parsed(tx: Transaction, owners: Collection[str], *events: EventType[T]) -> list[RecalledEvent[T]]:
    """Return the events of these types about these people, parsed. Without a restore no query is made."""
    by_name = {event.name: event for event in events}
    remembered = await recall(tx, owners, *by_name)
    return [RecalledEvent(one.key, one.owner, by_name[one.type].parse(one.data)) for one in remembered]


async def forget(tx: Transaction, keys: Collection[str], *types: str) -> None:
    """Delete events whose cause has been read again."""
    if keys:
        await tx.connection.execute(QUERIES["forget"], list(types), list(keys))


async def forget_about(tx: Transaction, owners: Collection[str], *types: str) -> None:
    """Delete all events of these types about these people, whose causes count no more."""
    await tx.connection.execute(QUERIES["forget_about"], list(types), list(owners))
