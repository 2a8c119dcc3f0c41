"""Accounts that participants linked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.eligibility import EPOCH, PayeeAccount
from services.payment.domain.entitlement import Payee
from services.payment.store import QUERIES
from shared.contracts.seals import compact, expand
from shared.postgres.columns import columns


class LinkedAccount(NamedTuple):
    """Account as it was linked, sealed under payment's own key. Its fields are the columns of its table."""

    participant_id: str
    lane: int
    partner: str
    account: str
    verified: bool
    same_identity: bool
    linked_at: datetime
    caused_by: int


class KeptAccount(NamedTuple):
    """Account as it is kept: `token` is its number, sealed for this payee at this partner."""

    payee: Payee
    subject: str
    partner: str
    token: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Portion of participants in order: the last one, None at the end, and their accounts under another key."""

    last: str | None
    outdated: Sequence[KeptAccount]


async def save_accounts(connection: Connection, accounts: Sequence[LinkedAccount]) -> None:
    """Save the latest account of each participant, whenever it arrives, but none of those who were erased.

    No participant may be listed twice.
    """
    rows = await connection.fetch(QUERIES["load_known_accounts"], [a.participant_id for a in accounts])
    known = {row["participant_id"] for row in rows}
    erased = {row["participant_id"] for row in rows if row["erased"]}
    new = [a._replace(account=compact(a.account)) for a in accounts if a.participant_id not in known]
    await connection.copy_records_to_table("account", columns=LinkedAccount._fields, records=new)
    if again := [a for a in accounts if a.participant_id in known - erased]:
        await connection.execute(
            QUERIES["update_accounts"],
            *columns(again, "participant_id", "partner"),
            [compact(a.account) for a in again],
            *columns(again, "verified", "same_identity", "linked_at", "caused_by"),
        )


async def load_own_seals_since(connection: Connection) -> datetime:
    """Load the time since which enrollment seals accounts for payment: that of the migration `own_seals`."""
    since: datetime = await connection.fetchval(QUERIES["load_own_seals_since"])
    return since


async def has_sealed_accounts(connection: Connection) -> bool:
    return bool(await connection.fetchval(QUERIES["has_sealed_accounts"]))


async def load_account_portion(connection: Connection, after: str, prefix: str, size: int) -> Portion:
    """Load the next participants in order; `prefix` is the beginning of tokens under the current key."""
    (row,) = await connection.fetch(QUERIES["load_account_portion"], after, compact(prefix), size)
    otherwise = zip(row["participant_ids"], row["partners"], map(expand, row["accounts"]), strict=True)
    return Portion(row["last"], [KeptAccount(Payee.PARTICIPANT, *one) for one in otherwise])


async def replace_accounts(connection: Connection, sealed: Sequence[tuple[str, str, str]]) -> None:
    """Replace accounts, given as (participant, token before, token); one that was linked meanwhile stays."""
    await connection.execute(
        QUERIES["reseal_accounts"],
        [participant for participant, _, _ in sealed],
        [compact(before) for _, before, _ in sealed],
        [compact(token) for _, _, token in sealed],
    )


async def load_accounts(connection: Connection, participant_ids: Collection[str]) -> Mapping[str, PayeeAccount]:
    """Load the account of each participant who has linked one."""
    if not participant_ids:
        return {}
    rows = await connection.fetch(QUERIES["load_accounts"], list(participant_ids))
    return {row["participant_id"]: _account(row) for row in rows}


def _account(row: Record) -> PayeeAccount:
    return PayeeAccount(
        partner=row["partner"],
        sealed=expand(row["account"]),
        version=(row["linked_at"] - EPOCH) // timedelta(microseconds=1),
        verified=row["verified"],
        same_identity=row["same_identity"],
    )
