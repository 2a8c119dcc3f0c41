"""Decisions of operators: attempts approved, and payments confirmed that a partner had rejected."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.eligibility import Approval
from services.payment.store import QUERIES
from shared.postgres.columns import columns


@dataclass(frozen=True, slots=True)
class StoredApproval:
    """Approval, and whether two persons gave it."""

    approval: Approval
    by_two: bool


async def load_approvals(
    connection: Connection, disbursements: Iterable[Disbursement]
) -> dict[DisbursementKey, StoredApproval]:
    """Load the approvals of the next attempts of these disbursements."""
    rows = await connection.fetch(QUERIES["load_approvals"], *_next_attempts(disbursements))
    return {(row["redeem_code"], row["benefit"]): _approved(row) for row in rows}


async def save_approval(
    connection: Connection, key: DisbursementKey, approval: Approval, who: str, second: str | None, now: datetime
) -> None:
    """Save an approval; it replaces one of the same attempt."""
    await connection.execute(QUERIES["save_approval"], *key, *astuple(approval), who, second, now)


async def index_approvals(connection: Connection) -> None:
    """Bind approvals of before to the index of the account that they were given for."""
    await connection.execute(QUERIES["index_approvals"])


async def void_approvals(connection: Connection, disbursements: Iterable[Disbursement]) -> None:
    """Delete the approvals of the next attempts of these disbursements."""
    codes, benefits, attempts = _next_attempts(disbursements)
    if codes:
        await connection.execute(QUERIES["void_approvals"], codes, benefits, attempts)


async def insert_confirmation(connection: Connection, attempt: Attempt, who: str, second: str, now: datetime) -> None:
    """Insert the confirmation that an attempt was paid; a disbursement is confirmed once."""
    key = (attempt.redeem_code, attempt.benefit)
    await connection.execute(QUERIES["insert_confirmation"], attempt.reference, *key, who, second, now)


def _approved(row: Record) -> StoredApproval:
    approval = Approval(
        row["attempt"], row["amount"], row["partner"], row["account_version"], row["account_index"] or ""
    )
    return StoredApproval(approval, row["by_two"])


def _next_attempts(disbursements: Iterable[Disbursement]) -> list[list[Any]]:
    known = list(disbursements)
    return [*columns(known, "redeem_code", "benefit"), [d.attempt + 1 for d in known]]
