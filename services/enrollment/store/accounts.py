"""The account each person linked last."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.contracts.fields import Partner
from shared.contracts.topics import ENROLLMENT_REQUESTS


class StoredAccount(NamedTuple):
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


async def load_accounts(connection: Connection, people: Collection[str]) -> dict[str, StoredAccount]:
    rows = await connection.fetch(QUERIES["load_accounts"], list(people))
    return {account.participant_id: account for account in map(StoredAccount._make, rows)}


async def load_own_seals_since(connection: Connection) -> int:
    """When this schema came to know that seals hold all that decides, in milliseconds."""
    return int(await connection.fetchval(QUERIES["load_own_seals_since"]))


async def has_sealed_accounts(connection: Connection) -> bool:
    """Return True when an account rests sealed, or a record waits that may hold one."""
    return bool(await connection.fetchval(QUERIES["has_sealed_accounts"], ENROLLMENT_REQUESTS))


async def load_kept_accounts(connection: Connection, prefix: str, after: str, size: int) -> list[StoredAccount]:
    """The next accounts that wait, sealed, for an admission, and are not sealed under the current key."""
    rows = await connection.fetch(QUERIES["load_kept_accounts"], prefix, after, size)
    return [StoredAccount._make(row) for row in rows]


async def replace_kept_accounts(
    connection: Connection, before: Sequence[StoredAccount], after: Sequence[StoredAccount]
) -> None:
    """Replace the seals of accounts; keep what was linked or announced meanwhile."""
    known = {account.participant_id: account.sealed for account in before}
    await connection.execute(
        QUERIES["reseal_kept_accounts"],
        [account.participant_id for account in after],
        [known[account.participant_id] for account in after],
        [account.sealed for account in after],
    )


async def save_accounts(connection: Connection, accounts: Collection[StoredAccount]) -> None:
    """Only what was linked later replaces; nobody may be listed twice."""
    rows = await connection.fetch(QUERIES["load_known_accounts"], [a.participant_id for a in accounts])
    known = {row["participant_id"] for row in rows}
    new = [a for a in accounts if a.participant_id not in known]
    await connection.copy_records_to_table("account", columns=StoredAccount._fields, records=new)
    if again := [a for a in accounts if a.participant_id in known]:
        await connection.execute(
            QUERIES["update_accounts"],
            [a.participant_id for a in again],
            [a.partner for a in again],
            [a.verified for a in again],
            [a.linked_at for a in again],
            [a.content_digest for a in again],
            [a.same_identity for a in again],
            [a.sealed for a in again],
            [a.identity_index for a in again],
        )
