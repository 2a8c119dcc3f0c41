"""Accounts: the one that each participant linked last."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.store import QUERIES
from shared.contracts.fields import Partner
from shared.contracts.topics import ENROLLMENT_REQUESTS
from shared.postgres.columns import columns


# A NamedTuple, whose fields are the columns that are copied and loaded, in order.
class StoredAccount(NamedTuple):
    """A linked account. Until it is announced, `sealed` and `identity_index` are kept and `same_identity` is None.

    `carried_by`: the number of the event that announced it.
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
    carried_by: int | None = None


UPDATED = tuple(field for field in StoredAccount._fields if field != "lane")


class KnownAccounts(NamedTuple):
    """The account that each participant linked last, and those who were erased: none of theirs counts any more."""

    latest: dict[str, StoredAccount]
    erased: Collection[str]


async def load_accounts(connection: Connection, people: Collection[str]) -> KnownAccounts:
    rows = await connection.fetch(QUERIES["load_accounts"], list(people))
    latest = [StoredAccount._make(row[:-1]) for row in rows if not row["erased"]]
    erased = {row["participant_id"] for row in rows if row["erased"]}
    return KnownAccounts({account.participant_id: account for account in latest}, erased)


async def load_own_seals_since(connection: Connection) -> datetime:
    """Load the time at which the migration `own_seals` was applied."""
    since: datetime = await connection.fetchval(QUERIES["load_own_seals_since"])
    return since


async def has_sealed_accounts(connection: Connection) -> bool:
    """Return True if an account is kept sealed, or a deferred record may hold one."""
    return bool(await connection.fetchval(QUERIES["has_sealed_accounts"], ENROLLMENT_REQUESTS))


async def load_kept_accounts(connection: Connection, prefix: str, after: str, size: int) -> list[StoredAccount]:
    """Load the kept accounts after this participant that are sealed under another key than this prefix tells."""
    rows = await connection.fetch(QUERIES["load_kept_accounts"], prefix, after, size)
    return [StoredAccount._make(row) for row in rows]


async def replace_accounts(
    connection: Connection, before: Sequence[StoredAccount], after: Sequence[StoredAccount]
) -> None:
    """Replace the seals of kept accounts, except of accounts replaced or announced meanwhile."""
    known = {account.participant_id: account.sealed for account in before}
    people, sealed = columns(after, "participant_id", "sealed")
    await connection.execute(QUERIES["reseal_kept_accounts"], people, [known[person] for person in people], sealed)


async def save_accounts(connection: Connection, accounts: Collection[StoredAccount]) -> None:
    """Insert accounts, or replace those linked earlier. No participant may be listed twice."""
    rows = await connection.fetch(QUERIES["load_known_accounts"], [a.participant_id for a in accounts])
    known = {row["participant_id"] for row in rows}
    new = [a for a in accounts if a.participant_id not in known]
    await connection.copy_records_to_table("account", columns=StoredAccount._fields, records=new)
    if again := [a for a in accounts if a.participant_id in known]:
        await connection.execute(QUERIES["update_accounts"], *columns(again, *UPDATED))
