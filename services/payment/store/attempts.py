"""Attempts and what partners answered."""

from collections.abc import Collection, Sequence

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.store import QUERIES

# What is known of an attempt when it is made.
SAID = (
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


async def load_attempts(connection: Connection, references: Collection[str]) -> dict[str, Attempt]:
    """By reference, of those that exist."""
    rows = await connection.fetch(QUERIES["load_attempts"], list(references))
    return {row["reference"]: _attempt(row) for row in rows}


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
            a.account,
            a.instructed_at,
            a.answer_by,
        )
        for a in attempts
    ]
    await connection.copy_records_to_table("attempt", columns=SAID, records=rows)


async def insert_adopted_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Adds attempts that our own topics speak of; what is known already stands. No reference may be listed twice."""
    await connection.execute(
        QUERIES["insert_adopted_attempts"],
        [a.reference for a in attempts],
        [a.lane for a in attempts],
        [a.partner for a in attempts],
        [a.amount for a in attempts],
        [a.account for a in attempts],
        [a.instructed_at for a in attempts],
        [a.answer_by for a in attempts],
    )


async def own_adopted_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Ties adopted attempts to the rights they pay."""
    await connection.execute(
        QUERIES["own_adopted_attempts"],
        [a.reference for a in attempts],
        [a.redeem_code for a in attempts],
        [a.benefit for a in attempts],
        [a.number for a in attempts],
        [a.instructed_at for a in attempts],
        [a.answer_by for a in attempts],
    )


async def save_answers(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """What partners said about these."""
    await connection.execute(
        QUERIES["save_answers"],
        [a.reference for a in attempts],
        [a.accepted_at for a in attempts],
        [a.settled_at for a in attempts],
        [a.rejected_at for a in attempts],
        [a.reason for a in attempts],
        [a.partner_reference for a in attempts],
    )


def _attempt(row: Record) -> Attempt:
    return Attempt(**dict(row))
