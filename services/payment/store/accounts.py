"""Accounts that participants linked."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncpg import Connection, Record, SerializationError, UniqueViolationError

from services.payment.domain.eligibility import EPOCH, PayeeAccount
from services.payment.domain.entitlement import Payee
from services.payment.store import QUERIES
from shared.contracts.seals import compact, expand
from shared.postgres.columns import columns

# The unique index of the numbers among those who share an account.
ONE_OF_EACH_NUMBER = "account_by_index"


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
    account_index: bytes


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

    No participant may be listed twice. Each is numbered among those who linked the same account. Raise
    SerializationError, after which the batch is tried again, when one was linked meanwhile that is among these.
    """
    rows = await connection.fetch(QUERIES["load_known_accounts"], [a.participant_id for a in accounts])
    known = {row["participant_id"] for row in rows}
    erased = {row["participant_id"] for row in rows if row["erased"]}
    # In one order, so that no two transactions wait for each other.
    kept = sorted((a for a in accounts if a.participant_id not in erased), key=lambda a: a.account_index)
    sharers = await _number_sharers(connection, kept)
    new = [
        (*a._replace(account=compact(a.account)), sharer)
        for a, sharer in zip(kept, sharers, strict=True)
        if a.participant_id not in known
    ]
    try:
        await connection.copy_records_to_table("account", columns=(*LinkedAccount._fields, "sharer"), records=new)
        if again := [(a, sharer) for a, sharer in zip(kept, sharers, strict=True) if a.participant_id in known]:
            linked = [a for a, _ in again]
            await connection.execute(
                QUERIES["update_accounts"],
                *columns(linked, "participant_id", "partner"),
                [compact(a.account) for a in linked],
                *columns(linked, "verified", "same_identity", "linked_at", "caused_by", "account_index"),
                [sharer for _, sharer in again],
            )
    except UniqueViolationError as error:
        if error.constraint_name != ONE_OF_EACH_NUMBER:
            raise
        raise SerializationError("an account was linked by another participant meanwhile") from error


async def _number_sharers(connection: Connection, accounts: Sequence[LinkedAccount]) -> list[int]:
    """Return the next number of each among those who linked the same account."""
    rows = await connection.fetch(QUERIES["load_last_sharers"], list({a.account_index for a in accounts}))
    last = Counter({bytes(row["account_index"]): row["sharer"] for row in rows})
    numbers = []
    for account in accounts:
        last[account.account_index] += 1
        numbers.append(last[account.account_index])
    return numbers


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


async def load_unindexed_accounts(connection: Connection, after: str, size: int) -> list[KeptAccount]:
    """Load the next accounts in the order of participants that have no index yet."""
    rows = await connection.fetch(QUERIES["load_unindexed_accounts"], after, size)
    return [
        KeptAccount(Payee.PARTICIPANT, row["participant_id"], row["partner"], expand(row["account"])) for row in rows
    ]


async def index_accounts(connection: Connection, indices: Sequence[tuple[KeptAccount, bytes]]) -> None:
    """Save the indices of accounts; one that was linked meanwhile stays."""
    await connection.execute(
        QUERIES["index_accounts"],
        [account.subject for account, _ in indices],
        [compact(account.token) for account, _ in indices],
        [index for _, index in indices],
    )


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
        account_index=(row["account_index"] or b"").hex(),
        people=row["people"],
    )
