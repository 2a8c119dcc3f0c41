"""Enrollments: what they promise and what has been reached."""

import json
from collections.abc import Collection, Sequence
from functools import lru_cache

from asyncpg import Connection, Record
from pydantic_core import to_json

from services.payment.domain.entitlement import Enrollment, Entitlement, Milestone, Payee
from services.payment.store import QUERIES

CONFIRMED_COLUMNS = ("redeem_code", "participant_id", "lane", "wave", "provider_id", "benefits")


async def insert_enrollments(connection: Connection, enrollments: Sequence[Enrollment]) -> None:
    """Adds those not yet known; none may be listed twice."""
    rows = await connection.fetch(QUERIES["load_known_enrollments"], [e.redeem_code for e in enrollments])
    known = {row["redeem_code"] for row in rows}
    records = [
        (e.redeem_code, e.participant_id, e.lane, e.wave, e.provider_id, _benefits_text(tuple(e.entitlements)))
        for e in enrollments
        if e.redeem_code not in known
    ]
    await connection.copy_records_to_table("enrollment", columns=CONFIRMED_COLUMNS, records=records)


async def load_enrollments(connection: Connection, participant_ids: Collection[str]) -> dict[str, Enrollment]:
    """redeem_code -> enrollment, all of these participants."""
    rows = await connection.fetch(QUERIES["load_enrollments"], list(participant_ids))
    return {row["redeem_code"]: _enrollment(row) for row in rows}


async def save_milestones(connection: Connection, enrollments: Sequence[Enrollment]) -> None:
    """What these have reached."""
    await connection.execute(
        QUERIES["save_milestones"],
        [e.redeem_code for e in enrollments],
        [e.completed_at for e in enrollments],
        [e.completion_noted_at for e in enrollments],
        [e.rated_at for e in enrollments],
    )


# A training promises what others of its price do.
@lru_cache(4096)
def _benefits_text(entitlements: tuple[Entitlement, ...]) -> str:
    return to_json([entitlement._asdict() for entitlement in entitlements]).decode()


@lru_cache(4096)
def _entitlements(text: str) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(
            benefit=members["benefit"],
            amount=members["amount"],
            payee=Payee(members["payee"]),
            milestone=Milestone(members["milestone"]),
            first_training_only=members["first_training_only"],
        )
        for members in json.loads(text)
    )


def _enrollment(row: Record) -> Enrollment:
    return Enrollment(
        redeem_code=row["redeem_code"],
        participant_id=row["participant_id"],
        lane=row["lane"],
        wave=row["wave"],
        provider_id=row["provider_id"],
        entitlements=_entitlements(row["benefits"]),
        completed_at=row["completed_at"],
        completion_noted_at=row["completion_noted_at"],
        rated_at=row["rated_at"],
    )
