"""Claims on payments."""

from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.domain.claim import Claim, ClaimReason, ClaimState, DoublePayment, Payment
from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.postgres.columns import columns


async def load_payments(connection: Connection, redeem_codes: Collection[str]) -> list[Payment]:
    """Load what was paid of these trainings."""
    rows = await connection.fetch(QUERIES["load_payments"], list(redeem_codes))
    return [Payment(disbursement_of(row), row["settled_at"]) for row in rows]


async def load_claims(connection: Connection, references: Collection[str]) -> list[Claim]:
    """Load all claims on these references, withdrawn ones included."""
    return [_claim(row) for row in await connection.fetch(QUERIES["load_claims"], list(references))]


async def load_open_block_claims(connection: Connection, participant_ids: Collection[str]) -> list[Claim]:
    """Load the open claims on cash that was paid to these participants while they were blocked."""
    return [_claim(row) for row in await connection.fetch(QUERIES["load_open_block_claims"], list(participant_ids))]


async def load_open_double_claims(connection: Connection, keys: Collection[DisbursementKey]) -> list[Claim]:
    """Load the open claims on double payments of these disbursements."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    return [_claim(row) for row in await connection.fetch(QUERIES["load_open_double_claims"], codes, benefits)]


async def load_double_payments(connection: Connection, keys: Collection[DisbursementKey]) -> list[DoublePayment]:
    """Load what was paid of these disbursements besides, by the reports of their partners, and is not claimed yet."""
    codes, benefits = [code for code, _ in keys], [benefit for _, benefit in keys]
    rows = await connection.fetch(QUERIES["load_double_payments"], codes, benefits)
    return [DoublePayment(Payment(_as_paid(row), row["paid_at"]), row["also_paid_at"]) for row in rows]


async def close_claims(
    connection: Connection, claims: Sequence[Claim], carried_by: Sequence[int | None], now: datetime
) -> None:
    """Save that claims were repaid or withdrawn, each with the number of its event."""
    if not claims:
        return
    closed = columns(claims, "disbursement.reference", "number", "state", "document")
    await connection.execute(QUERIES["close_claims"], *closed, now, carried_by)


async def insert_claims(connection: Connection, claims: Sequence[Claim], carried_by: Sequence[int | None]) -> None:
    """Insert open claims, each with the number of its event.

    Raise UniqueViolationError when one on the same reference was not withdrawn.
    """
    of = "disbursement."
    await connection.execute(
        QUERIES["insert_claims"],
        *columns(claims, of + "reference", "number", of + "redeem_code", of + "benefit", of + "participant_id"),
        *columns(claims, of + "lane", of + "amount", "debtor", "reason", "opened_at", "due_at"),
        carried_by,
    )


def _claim(row: Record) -> Claim:
    return Claim(
        disbursement=_as_paid(row),
        number=row["number"],
        reason=ClaimReason(row["claim_reason"]),
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        state=ClaimState(row["claim_state"]),
        document=row["document"],
    )


def _as_paid(row: Record) -> Disbursement:
    """Return the disbursement as it was paid under the reference that is claimed, the latest or an earlier one."""
    known = disbursement_of(row)
    if known.reference == row["claimed_reference"]:
        return known
    return known._replace(
        reference=row["claimed_reference"],
        partner=row["claimed_partner"],
        attempt=row["claimed_attempt"],
        tried_version=0,
    )
