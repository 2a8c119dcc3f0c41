"""Attempts and what partners answered."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Component
from services.payment.store import QUERIES
from services.payment.store.disbursements import disbursement_of
from shared.contracts.seals import compact, expand

# What is known of an attempt when it is made.
INSTRUCTED_COLUMNS = (
    "reference",
    "lane",
    "redeem_code",
    "benefit",
    "number",
    "partner",
    "amount",
    "account",
    "instructed_at",
    "answer_by",
)


class AnnouncedAttempt(NamedTuple):
    """Tell which money pays an attempt, by `payment.events`, and whether that may be out."""

    reference: str
    wave: str
    component: Component
    keeps_money: bool
    account_version: int | None


class AttemptWithDisbursement(NamedTuple):
    """What a partner was told, and the disbursement it pays; None of one that is only adopted."""

    attempt: Attempt
    disbursement: Disbursement | None


async def load_attempts_with_disbursements(
    connection: Connection, references: Collection[str]
) -> dict[str, AttemptWithDisbursement]:
    """By reference, of those that exist."""
    rows = await connection.fetch(QUERIES["load_attempts_with_disbursements"], list(references))
    return {
        row["told_reference"]: AttemptWithDisbursement(_attempt(row), disbursement_of(row) if row["state"] else None)
        for row in rows
    }


async def load_attempts(connection: Connection, references: Collection[str]) -> dict[str, Attempt]:
    """By reference, of those that exist."""
    return {
        reference: found.attempt
        for reference, found in (await load_attempts_with_disbursements(connection, references)).items()
    }


async def insert_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Adds attempts made now; a reference that exists already is a broken invariant."""
    rows = [
        (
            a.reference,
            a.lane,
            a.redeem_code,
            a.benefit,
            a.number,
            a.partner,
            a.amount,
            compact(a.account),
            a.instructed_at,
            a.answer_by,
        )
        for a in attempts
    ]
    await connection.copy_records_to_table("attempt", columns=INSTRUCTED_COLUMNS, records=rows)


async def insert_adopted_attempts(
    connection: Connection, attempts: Sequence[Attempt], components: Sequence[Component]
) -> None:
    """Adds attempts that our own topics speak of, each with what it pays; what is known already stands.

    No reference may be listed twice.
    """
    await connection.execute(
        QUERIES["insert_adopted_attempts"],
        [a.reference for a in attempts],
        [a.lane for a in attempts],
        [a.partner for a in attempts],
        [a.amount for a in attempts],
        [compact(a.account) for a in attempts],
        [a.instructed_at for a in attempts],
        [a.answer_by for a in attempts],
        components,
    )


async def update_announced_attempts(connection: Connection, announced: Sequence[AnnouncedAttempt]) -> None:
    """Note which wave pays what our own topics say was told, and if its money may be out. No reference twice."""
    await connection.execute(
        QUERIES["update_announced_attempts"],
        [one.reference for one in announced],
        [one.wave for one in announced],
        [one.component for one in announced],
        [one.keeps_money for one in announced],
        [one.account_version for one in announced],
    )


async def attach_adopted_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Ties adopted attempts to the rights they pay."""
    await connection.execute(
        QUERIES["attach_adopted_attempts"],
        [a.reference for a in attempts],
        [a.redeem_code for a in attempts],
        [a.benefit for a in attempts],
        [a.number for a in attempts],
        [a.instructed_at for a in attempts],
        [a.answer_by for a in attempts],
    )


async def save_rejections(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Why partners rejected these."""
    await connection.execute(
        QUERIES["save_rejections"],
        [a.reference for a in attempts],
        [a.accepted_at for a in attempts],
        [a.rejected_at for a in attempts],
        [a.reason for a in attempts],
        [a.partner_reference for a in attempts],
    )


def _attempt(row: Record) -> Attempt:
    latest = row["reference"] == row["told_reference"]
    return Attempt(
        reference=row["told_reference"],
        lane=row["told_lane"],
        partner=row["told_partner"],
        amount=row["told_amount"],
        account=expand(row["account"]),
        instructed_at=row["instructed_at"],
        answer_by=row["answer_by"],
        redeem_code=row["told_redeem_code"],
        benefit=row["told_benefit"],
        number=row["number"],
        accepted_at=(row["accepted_at"] if latest else None) or row["told_accepted_at"],
        settled_at=row["settled_at"] if latest else None,
        rejected_at=row["rejected_at"],
        reason=row["told_reason"],
        account_version=row["account_version"],
        partner_reference=(row["partner_reference"] if latest else None) or row["told_partner_reference"],
    )
