"""The account each person linked last."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.contracts.fields import Partner


class Account(NamedTuple):
    """A linked account. Until it is announced, `sealed` and `identity_index` are kept and `same_identity` is None.

    The fields stand in the order of the columns that are loaded.
    """

    participant_id: str
    lane: int
    partner: Partner
    verified: bool
    linked_at: datetime
    content_digest: bytes
    same_identity: bool | None
    sealed: str | None
    identity_index: bytes | None


async def load_accounts(connection: Connection, people: Collection[str]) -> dict[str, Account]:
    rows = await connection.fetch(QUERIES["load_accounts"], list(people))
    return {account.participant_id: account for account in map(Account._make, rows)}


async def save_accounts(connection: Connection, accounts: Collection[Account]) -> None:
    await connection.execute(
        QUERIES["save_accounts"],
        [a.participant_id for a in accounts],
        [a.lane for a in accounts],
        [a.partner for a in accounts],
        [a.verified for a in accounts],
        [a.linked_at for a in accounts],
        [a.content_digest for a in accounts],
        [a.same_identity for a in accounts],
        [a.sealed for a in accounts],
        [a.identity_index for a in accounts],
    )
