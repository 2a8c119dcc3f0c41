"""Enrollments with the rule that each carries, and the outcomes that make them final."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asyncpg import Connection, Record

from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.rule import CompletionRule, RequiredSession
from services.completion.store import QUERIES
from shared.errors import InvariantBroken
from shared.postgres.columns import columns
from shared.times import write_time

COLUMNS = (
    "redeem_code",
    "participant_id",
    "lane",
    "state",
    "known_at",
    "decided_at",
    "provider_id",
    "scheme",
    "scheme_version",
    "rule",
    "caused_by",
)


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    """The final state of an enrollment; `completed_at` and `digest` are set for a completed one only.

    `carried_by`: the number of the event that announced it.
    """

    redeem_code: str
    state: EnrollmentState
    completed_at: datetime | None = None
    digest: bytes | None = None
    carried_by: int | None = None


async def load_enrollments(connection: Connection, redeem_codes: Collection[str]) -> dict[str, Enrollment]:
    """Load the known ones of these enrollments by redeem code."""
    rows = await connection.fetch(QUERIES["load_enrollments"], list(redeem_codes))
    return {row["redeem_code"]: _enrollment(row) for row in rows}


async def load_enrollments_of_participant(connection: Connection, participant_id: str) -> list[Enrollment]:
    """Load all enrollments of one participant, oldest first."""
    rows = await connection.fetch(QUERIES["load_enrollments_of_participant"], participant_id)
    return [_enrollment(row) for row in rows]


async def load_next_enrollments(connection: Connection, after: str, at_most: int) -> list[Enrollment]:
    """Load the enrollments that follow the redeem code `after`, in the order of redeem codes."""
    return [_enrollment(row) for row in await connection.fetch(QUERIES["load_next_enrollments"], after, at_most)]


async def load_open_enrollments(connection: Connection, redeem_codes: Collection[str]) -> list[Enrollment]:
    """Load the open ones of these enrollments."""
    return [_enrollment(row) for row in await connection.fetch(QUERIES["load_open_enrollments"], list(redeem_codes))]


async def insert_enrollments(
    connection: Connection, enrollments: Sequence[Enrollment], caused_by: Sequence[int], known_at: datetime
) -> None:
    """Insert enrollments that are not known yet, each with the number of the event that decided about it."""
    records = [
        (*_record(enrollment, known_at), number) for enrollment, number in zip(enrollments, caused_by, strict=True)
    ]
    await connection.copy_records_to_table("enrollment", columns=COLUMNS, records=records)


async def save_outcomes(connection: Connection, outcomes: Sequence[StoredOutcome], decided_at: datetime) -> None:
    """Make open enrollments final. Raise InvariantBroken if one of them is not open."""
    values = columns(outcomes, "redeem_code", "state", "completed_at", "digest", "carried_by")
    saved = {row["redeem_code"] for row in await connection.fetch(QUERIES["save_outcomes"], decided_at, *values)}
    for outcome in outcomes:
        if outcome.redeem_code not in saved:
            raise InvariantBroken(
                outcome.redeem_code, "an outcome was decided, but it is not open; check it with `verify`"
            )


async def reopen_completions(
    connection: Connection, outcomes: Sequence[StoredOutcome], reopened_at: Sequence[datetime]
) -> set[str]:
    """Complete those of the enrollments that were not completed in time; return their redeem codes."""
    values = columns(outcomes, "redeem_code", "completed_at", "digest", "carried_by")
    return {row["redeem_code"] for row in await connection.fetch(QUERIES["reopen_completions"], *values, reopened_at)}


async def note_void_causes(connection: Connection, caused_by: Mapping[str, int]) -> None:
    """Note the numbers of the events that void enrollments, by redeem code, unless they are completed."""
    await connection.execute(QUERIES["note_void_causes"], list(caused_by), list(caused_by.values()))


async def is_voided(connection: Connection, redeem_code: str) -> bool:
    """Return True if an enrollment that is not completed was voided."""
    return bool(await connection.fetchval(QUERIES["is_voided"], redeem_code))


async def revoke_completions(connection: Connection, carried_by: Mapping[str, int | None]) -> None:
    """Make completed enrollments revoked, by redeem code with the number of the event.

    Raise InvariantBroken if one of them is not completed.
    """
    rows = await connection.fetch(QUERIES["revoke_completions"], list(carried_by), list(carried_by.values()))
    for code in carried_by.keys() - {row["redeem_code"] for row in rows}:
        raise InvariantBroken(code, "its completion was to be revoked, but it has none; check it with `verify`")


async def load_reopened_without_persons(connection: Connection) -> list[str]:
    """Load the redeem codes of what was reopened without two persons. Reads the whole table."""
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["load_reopened_without_persons"])]


def _enrollment(row: Record) -> Enrollment:
    rule = row["rule"]
    return Enrollment(
        redeem_code=row["redeem_code"],
        participant_id=row["participant_id"],
        lane=row["lane"],
        state=EnrollmentState(row["state"]),
        terms=rule and ConfirmedTerms(row["provider_id"], row["scheme"], row["scheme_version"], _rule(rule)),
        completed_at=row["completed_at"],
        digest=row["digest"],
        reopened_at=row["reopened_at"],
    )


def _record(enrollment: Enrollment, known_at: datetime) -> tuple[object, ...]:
    terms = enrollment.terms
    known = (
        enrollment.redeem_code,
        enrollment.participant_id,
        enrollment.lane,
        enrollment.state,
        known_at,
        None if enrollment.state is EnrollmentState.OPEN else known_at,
    )
    if terms is None:
        return (*known, None, None, None, None)
    return (*known, terms.provider_id, terms.scheme, terms.scheme_version, _rule_text(terms.rule))


# All participants of a class share one rule, so writing and reading it is cached.
@lru_cache(maxsize=500)
def _rule_text(rule: CompletionRule) -> str:
    sessions = [
        {
            "sequence": session.sequence,
            "proof": session.proof,
            "starts_at": write_time(session.starts_at),
            "ends_at": write_time(session.ends_at),
        }
        for session in rule.sessions
    ]
    members = {
        "sessions": sessions,
        "post_test": rule.post_test,
        "graded": rule.graded,
        "certificate": rule.certificate,
        "whole_span": rule.whole_span,
        "evidence_days": rule.evidence_days,
        "complete_within_days": rule.complete_within_days,
        "sessions_at_least": rule.sessions_at_least,
    }
    return json.dumps(members, separators=(",", ":"))


@lru_cache(maxsize=500)
def _rule(text: str) -> CompletionRule:
    members = json.loads(text)
    sessions = tuple(_session(session) for session in members.pop("sessions"))
    return CompletionRule(sessions=sessions, **members)


def _session(members: Mapping[str, Any]) -> RequiredSession:
    return RequiredSession(
        sequence=members["sequence"],
        proof=members["proof"],
        starts_at=datetime.fromisoformat(members["starts_at"]),
        ends_at=datetime.fromisoformat(members["ends_at"]),
    )
