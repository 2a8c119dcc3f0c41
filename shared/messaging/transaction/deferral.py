"""Records that wait are written anew when what they hold is to rest in another form."""

from collections.abc import Callable

from asyncpg import Connection

from shared.messaging.message import Record, pack, unpack
from shared.messaging.queries import QUERIES

PORTION = 500


async def rewrite_deferred(connection: Connection, topic: str, rewrite: Callable[[Record], Record | None]) -> int:
    """Replace the records of a topic that wait by what `rewrite` makes of them, None: nothing; return how many.

    Each portion is a transaction of its own, so that whoever ends it on the way goes on where it was.
    """
    replaced, after = 0, 0
    while rows := await connection.fetch(QUERIES["load_deferred_portion"], after, PORTION):
        after = rows[-1]["id"]
        records = [(row["id"], rewrite(unpack(row["record"]))) for row in rows if row["topic"] == topic]
        changed = [(number, pack(record)) for number, record in records if record is not None]
        if changed:
            await connection.execute(QUERIES["replace_deferred"], *map(list, zip(*changed, strict=True)))
        replaced += len(changed)
    return replaced
