"""The log of operations: a hash chain with one end, whose row is locked by each transaction that adds to it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from asyncpg import Connection

from shared.messaging.chain import BrokenChain, ChainKey, Chains, SealedHead
from shared.messaging.queries import QUERIES

CHAIN = "operations"


async def record_operation(
    connection: Connection, key: ChainKey, now: datetime, verb: str, who: str, why: str, detail: Mapping[str, object]
) -> None:
    """Add one row to the chain; `connection` is in a transaction. Raise BrokenChain if its end is not ours."""
    head = await lock_operations(connection)
    key.confirm(head)
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"))
    number = head.number + 1
    sealed = key.seal(CHAIN, number, operation_hash(head.hash, number, now, verb, who, why, text))
    await connection.execute(
        QUERIES["insert_operation"], number, now, verb, who, why, text, head.hash, sealed.hash, sealed.seal
    )


async def lock_operations(connection: Connection) -> SealedHead:
    """Lock and return the chain's end. Raise BrokenChain if it is gone."""
    row = await connection.fetchrow(QUERIES["lock_operations"])
    if row is None:
        raise BrokenChain(CHAIN, "the end is gone; copy its row back from a backup of the database")
    return SealedHead(CHAIN, row["number"], row["hash"], row["seal"])


def operation_hash(previous: bytes, number: int, at: datetime, verb: str, who: str, why: str, detail: str) -> bytes:
    """Return SHA-256 over the previous hash and the row; `detail` is JSON with sorted keys."""
    canonical = json.dumps([number, at.isoformat(), verb, who, why, json.loads(detail)], sort_keys=True)
    return hashlib.sha256(previous + canonical.encode()).digest()


async def load_head(connection: Connection) -> list[SealedHead]:
    """Return the end of the log; an empty list if it is gone."""
    rows = await connection.fetch(QUERIES["load_operation_head"])
    return [SealedHead(CHAIN, row["number"], row["hash"], row["seal"]) for row in rows]


async def _save(connection: Connection, heads: Sequence[SealedHead]) -> None:
    for head in heads:
        await connection.execute(QUERIES["seal_operation_head"], head.seal)


OPERATIONS = Chains("operations", (CHAIN,), load_head, _save)
