"""Enrollments: their benefits and milestones."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from asyncpg import Connection, Record
from pydantic_core import to_json

from services.payment.domain.entitlement import Enrollment, Entitlement, Payee
from services.payment.store import QUERIES
from shared.postgres.columns import columns

# Columns of an enrollment as it is confirmed, besides its benefits.
COLUMNS = ("redeem_code", "participant_id", "lane", "wave", "provider_id", "clawback_days")


class Origin(NamedTuple):
    """Scheme and version under which an enrollment was confirmed, and the number of the event that said so."""

    scheme: str
    scheme_version: int
    caused_by: int


async def load_known_enrollments(connection: Connection, redeem_codes: Collection[str]) -> dict[str, Enrollment]:
    """Load those of these enrollments that are known, as they were confirmed: without their milestones."""
    rows = await connection.fetch(QUERIES["load_known_enrollments"], list(redeem_codes))
    confirmed = [
        Enrollment(**{name: row[name] for name in COLUMNS}, entitlements=_entitlements(row["benefits"])) for row in rows
    ]
    return {enrollment.redeem_code: enrollment for enrollment in confirmed}


async def insert_enrollments(
    connection: Connection, enrollments: Sequence[Enrollment], origins: Sequence[Origin]
) -> None:
    """Insert enrollments, each with its origin; none may be known, or listed twice."""
    row = attrgetter(*COLUMNS)
    records = [
        (*row(e), _benefits_text(tuple(e.entitlements)), *origin)
        for e, origin in zip(enrollments, origins, strict=True)
    ]
    names = (*COLUMNS, "benefits", *Origin._fields)
    await connection.copy_records_to_table("enrollment", columns=names, records=records)


async def load_enrollments(connection: Connection, participant_ids: Collection[str]) -> dict[str, Enrollment]:
    """Load all enrollments of these participants by redeem code.

    The answers of those that promise nothing for a survey are not looked up.
    """
    rows = await connection.fetch(QUERIES["load_enrollments"], list(participant_ids))
    found = {row["redeem_code"]: _enrollment(row) for row in rows}
    if surveyed := [code for code, enrollment in found.items() if enrollment.promises_surveys]:
        for code, answers in (await _load_survey_answers(connection, surveyed)).items():
            found[code] = found[code]._replace(survey_answers=answers)
    return found


Causes = Mapping[tuple[str, str], int]
"""Numbers of events by redeem code and what they brought: completed, rated, voided, revoked, or a survey."""


async def save_annulments(connection: Connection, enrollments: Sequence[Enrollment], caused_by: Causes) -> None:
    """Save that these enrollments were voided, or their completions revoked, with the causes that are new."""
    annulled = columns(enrollments, "redeem_code", "voided_at", "revoked_at")
    causes = [[caused_by.get((e.redeem_code, what)) for e in enrollments] for what in ("voided", "revoked")]
    await connection.execute(QUERIES["save_annulments"], *annulled, *causes)


async def save_milestones(connection: Connection, enrollments: Sequence[Enrollment], caused_by: Causes) -> None:
    """Save the milestones of enrollments, with the causes that are new. An answer that is stored stays as it is."""
    reached = columns(enrollments, "redeem_code", "completed_at", "completion_noted_at", "rated_at")
    causes = [[caused_by.get((e.redeem_code, what)) for e in enrollments] for what in ("completed", "rated")]
    await connection.execute(QUERIES["save_milestones"], *reached, *causes)
    if answers := [(e.redeem_code, *answer) for e in enrollments for answer in e.survey_answers.items()]:
        numbers = [caused_by.get((code, survey)) for code, survey, _ in answers]
        await connection.execute(QUERIES["insert_survey_answers"], *map(list, zip(*answers, strict=True)), numbers)


async def _load_survey_answers(
    connection: Connection, redeem_codes: Collection[str]
) -> Mapping[str, Mapping[str, datetime]]:
    answers: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for row in await connection.fetch(QUERIES["load_survey_answers"], list(redeem_codes)):
        answers[row["redeem_code"]][row["survey"]] = row["answered_at"]
    return answers


# Cached, since trainings of one price have the same benefits.
@lru_cache(4096)
def _benefits_text(entitlements: tuple[Entitlement, ...]) -> str:
    members = [{name: value for name, value in one._asdict().items() if value is not None} for one in entitlements]
    return to_json(members).decode()


@lru_cache(4096)
def _entitlements(text: str) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(
            benefit=members["benefit"],
            amount=members["amount"],
            payee=Payee(members["payee"]),
            milestone=members["milestone"],
            first_training_only=members["first_training_only"],
            months_after=members.get("months_after"),
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
        voided_at=row["voided_at"],
        revoked_at=row["revoked_at"],
        clawback_days=row["clawback_days"],
    )
