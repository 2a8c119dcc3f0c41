"""Attempts and the answers of partners."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Component
from services.payment.store import QUERIES
from services.payment.store.disbursements import UNANNOUNCED, NumbersByKey, disbursement_of
from shared.contracts.seals import compact, expand
from shared.postgres.columns import columns

# Columns of a new attempt, besides its account.
COLUMNS = (
    "reference",
    "lane",
    "redeem_code",
    "benefit",
    "number",
    "partner",
    "amount",
    "instructed_at",
    "answer_by",
)


@dataclass(frozen=True, slots=True)
class AnnouncedAttempt:
    """Attempt as `payment.events` tell of it: the fund that pays it, and whether that money may be out."""

    reference: str
    wave: str
    component: Component
    keeps_money: bool
    account_version: int | None


class AttemptWithDisbursement(NamedTuple):
    """Attempt, and the disbursement it pays; None if it is only adopted."""

    attempt: Attempt
    disbursement: Disbursement | None


async def load_attempts_with_disbursements(
    connection: Connection, references: Collection[str]
) -> dict[str, AttemptWithDisbursement]:
    """Load known attempts by reference, each with its disbursement."""
    rows = await connection.fetch(QUERIES["load_attempts_with_disbursements"], list(references))
    return {
        row["attempt_reference"]: AttemptWithDisbursement(_attempt(row), disbursement_of(row) if row["state"] else None)
        for row in rows
    }


async def load_attempts(connection: Connection, references: Collection[str]) -> dict[str, Attempt]:
    """Load known attempts by reference."""
    return {
        reference: found.attempt
        for reference, found in (await load_attempts_with_disbursements(connection, references)).items()
    }


async def insert_attempts(connection: Connection, attempts: Sequence[Attempt], numbers: NumbersByKey) -> None:
    """Insert new attempts with the numbers of their events; raise UniqueViolationError when a reference exists."""
    row = attrgetter(*COLUMNS)
    records = [
        (*row(a), numbers.get((a.redeem_code or "", a.benefit or ""), UNANNOUNCED).state, compact(a.account))
        for a in attempts
    ]
    await connection.copy_records_to_table("attempt", columns=(*COLUMNS, "carried_by", "account"), records=records)


async def insert_adopted_attempts(
    connection: Connection, attempts: Sequence[Attempt], components: Sequence[Component]
) -> set[str]:
    """Insert attempts found in our own topics after a restore, with their components; known ones stay as they are.

    Return the references of those that were not known. No reference may be listed twice.
    """
    rows = await connection.fetch(
        QUERIES["insert_adopted_attempts"],
        *columns(attempts, "reference", "lane", "partner", "amount"),
        [compact(a.account) for a in attempts],
        *columns(attempts, "instructed_at", "answer_by"),
        components,
    )
    return {row["reference"] for row in rows}


async def update_announced_attempts(connection: Connection, announced: Sequence[AnnouncedAttempt]) -> None:
    """Save the wave of adopted attempts, and if their money is kept. No reference may be listed twice."""
    known = columns(announced, "reference", "wave", "component", "keeps_money", "account_version")
    await connection.execute(QUERIES["update_announced_attempts"], *known)


async def attach_adopted_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Attach adopted attempts to the disbursements they pay."""
    attached = columns(attempts, "reference", "redeem_code", "benefit", "number", "instructed_at", "answer_by")
    await connection.execute(QUERIES["attach_adopted_attempts"], *attached)


async def save_verdicts(
    connection: Connection, attempts: Sequence[Attempt], carried_by: Mapping[str, int | None]
) -> None:
    """Save that partners rejected these attempts or returned what they had paid, and why.

    `carried_by`: the numbers of the events that announced it, by reference.
    """
    times = ("accepted_at", "settled_at", "rejected_at", "returned_at", "not_found_at")
    verdicts = columns(attempts, "reference", *times, "reason", "partner_reference")
    await connection.execute(QUERIES["save_verdicts"], *verdicts, [carried_by.get(a.reference) for a in attempts])


async def save_asked(connection: Connection, references: Collection[str], now: datetime) -> None:
    """Save that partners were asked for the status of these attempts."""
    await connection.execute(QUERIES["save_asked"], list(references), now)


async def save_repeated(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Save that these attempts were instructed again, and for which `not_found`."""
    await connection.execute(QUERIES["save_repeated"], *columns(attempts, "reference", "not_found_at"))


def _attempt(row: Record) -> Attempt:
    latest = row["reference"] == row["attempt_reference"]
    return Attempt(
        reference=row["attempt_reference"],
        lane=row["attempt_lane"],
        partner=row["attempt_partner"],
        amount=row["attempt_amount"],
        account=expand(row["account"]),
        instructed_at=row["instructed_at"],
        answer_by=row["answer_by"],
        redeem_code=row["attempt_redeem_code"],
        benefit=row["attempt_benefit"],
        number=row["number"],
        accepted_at=(row["accepted_at"] if latest else None) or row["attempt_accepted_at"],
        settled_at=(row["settled_at"] if latest else None) or row["attempt_settled_at"],
        rejected_at=row["rejected_at"],
        returned_at=row["returned_at"],
        reason=row["attempt_reason"],
        account_version=row["account_version"],
        asked_at=row["asked_at"],
        not_found_at=row["not_found_at"],
        partner_reference=(row["partner_reference"] if latest else None) or row["attempt_partner_reference"],
    )
