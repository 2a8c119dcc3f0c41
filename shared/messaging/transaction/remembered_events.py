"""What a service had said before its database was restored, kept until its cause is read again.

It stays binding: whoever decides looks here first, and says nothing that was said already a second time.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from shared.messaging.queries import QUERIES
from shared.messaging.transaction.transaction import Transaction


class RememberedEvent(NamedTuple):
    """`type`: of the event, or a name of the service's own. `key`: what was decided; `owner`: about whom."""

    type: str
    key: str
    owner: str
    data: bytes


async def remember(tx: Transaction, lane: int, events: Sequence[RememberedEvent]) -> None:
    """Keeps words; of several with the same type and key the last one stands."""
    last = {(word.type, word.key): word for word in events}
    if not last:
        return
    await tx.connection.execute(
        QUERIES["remember"],
        [word.type for word in last.values()],
        [word.key for word in last.values()],
        [word.owner for word in last.values()],
        [word.data.decode() for word in last.values()],
    )
    await tx.connection.execute(QUERIES["mark_remembering"], [lane])


async def recall(tx: Transaction, owners: Collection[str], *types: str) -> list[RememberedEvent]:
    """The words of these types about these people. Asks nothing where no restore has been, as nearly always."""
    if not owners or not any(lane.remembers for lane in tx.lanes.values()):
        return []
    rows = await tx.connection.fetch(QUERIES["recall"], list(owners), list(types))
    return [RememberedEvent(row["type"], row["key"], row["owner"], row["data"].encode()) for row in rows]


async def forget(tx: Transaction, keys: Collection[str], *types: str) -> None:
    """Lets go of words whose cause has been read again."""
    if keys:
        await tx.connection.execute(QUERIES["forget"], list(types), list(keys))
