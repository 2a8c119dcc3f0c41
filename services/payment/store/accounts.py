"""The accounts that participants linked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asyncpg import Connection, Record

from services.payment.domain.fitness import Account
from services.payment.store import QUERIES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account as it was linked; `sealed` as upstream sealed it."""

    participant_id: str
    lane: int
    partner: str
    sealed: str
    verified: bool
    same_identity: bool
    linked_at: datetime


async def save_accounts(connection: Connection, accounts: Sequence[LinkedAccount]) -> None:
    """Keeps the latest of each participant; nobody may be listed twice."""
    await connection.execute(
        QUERIES["save_accounts"],
        [a.participant_id for a in accounts],
        [a.lane for a in accounts],
        [a.partner for a in accounts],
        [a.sealed for a in accounts],
        [a.verified for a in accounts],
        [a.same_identity for a in accounts],
        [a.linked_at for a in accounts],
    )


async def load_accounts(connection: Connection, participant_ids: Collection[str]) -> Mapping[str, Account]:
    """The account of each participant who has linked one."""
    if not participant_ids:
        return {}
    rows = await connection.fetch(QUERIES["load_accounts"], list(participant_ids))
    return {row["participant_id"]: _account(row) for row in rows}


def _account(row: Record) -> Account:
    return Account(
        partner=row["partner"],
        sealed=row["account"],
        version=(row["linked_at"] - EPOCH) // timedelta(microseconds=1),
        verified=row["verified"],
        same_identity=row["same_identity"],
    )
