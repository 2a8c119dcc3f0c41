"""One typed function per named query: arrays in, domain values out."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from asyncpg import Connection, Record

from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.rule import CompletionRule, RequiredSession
from shared.postgres.queries import Queries
from shared.times import write_time

QUERIES = Queries.load("services.completion")

ENROLLMENT = (
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
)
DEADLINE = ("due_at", "lane", "redeem_codes")
EVIDENCE = ("redeem_code", "kind", "part", "happened_at", "seen_at", "source", "id")

EvidenceKey = tuple[str, str, int]
"""(redeem_code, kind, part): the business key of a piece of evidence."""


class StoredOutcome(NamedTuple):
    """What becomes of an open enrollment."""

    redeem_code: str
    state: EnrollmentState
    completed_at: datetime | None = None
    digest: bytes | None = None


async def load_enrollments(connection: Connection, redeem_codes: Collection[str]) -> dict[str, Enrollment]:
    """redeem_code -> enrollment, those that are known."""
    rows = await connection.fetch(QUERIES["load_enrollments"], list(redeem_codes))
    return {row["redeem_code"]: _enrollment(row) for row in rows}


async def load_enrollments_of_participant(connection: Connection, participant_id: str) -> list[Enrollment]:
    """All of one person, oldest first."""
    return [
        _enrollment(row) for row in await connection.fetch(QUERIES["load_enrollments_of_participant"], participant_id)
    ]


async def load_next_enrollments(connection: Connection, after: str, at_most: int) -> list[Enrollment]:
    """The next ones in the order of their redeem codes."""
    return [_enrollment(row) for row in await connection.fetch(QUERIES["load_next_enrollments"], after, at_most)]


async def load_open_enrollments(connection: Connection, redeem_codes: Collection[str]) -> list[Enrollment]:
    """Those of these that are not decided yet."""
    return [_enrollment(row) for row in await connection.fetch(QUERIES["load_open_enrollments"], list(redeem_codes))]


async def take_deadlines(connection: Connection, lanes: Sequence[int], due_by: datetime, at_most: int) -> set[str]:
    """Take the deadlines of so many enrollments at most that fell due at or before `due_by`; return their codes."""
    rows = await connection.fetch(QUERIES["take_deadlines"], list(lanes), due_by, at_most)
    return {code for row in rows for code in row["codes"]}


async def insert_enrollments(connection: Connection, enrollments: Sequence[Enrollment], known_at: datetime) -> None:
    """Adds enrollments that are not yet known, and when the open ones are to be given up."""
    records = [_record(enrollment, known_at) for enrollment in enrollments]
    await connection.copy_records_to_table("enrollment", columns=ENROLLMENT, records=records)
    codes: dict[tuple[datetime, int], list[str]] = {}
    for enrollment in enrollments:
        if enrollment.terms is not None:
            due = (enrollment.terms.rule.span.due_at, enrollment.lane)
            codes.setdefault(due, []).append(enrollment.redeem_code)
    deadlines = [(*due, of_lane) for due, of_lane in codes.items()]
    await connection.copy_records_to_table("deadline", columns=DEADLINE, records=deadlines)


async def save_outcomes(connection: Connection, outcomes: Sequence[StoredOutcome], decided_at: datetime) -> None:
    """Makes decisions final. Raises ValueError if one of these enrollments was not open."""
    rows = await connection.fetch(
        QUERIES["save_outcomes"],
        decided_at,
        [d.redeem_code for d in outcomes],
        [d.state for d in outcomes],
        [d.completed_at for d in outcomes],
        [d.digest for d in outcomes],
    )
    if len(rows) != len(outcomes):
        raise ValueError(f"{len(outcomes) - len(rows)} of {len(outcomes)} enrollments were not open")


async def insert_evidence(
    connection: Connection, evidence: Sequence[tuple[str, Evidence]], now: datetime
) -> set[EvidenceKey]:
    """Adds (redeem_code, evidence) accepted now; the keys of those that were the first of their key.

    None may be listed twice. The lanes are locked, so nobody else adds to what is known.
    """
    keys = [(code, fact.kind, fact.part) for code, fact in evidence]
    rows = await connection.fetch(QUERIES["load_evidence_keys"], *map(list, zip(*keys, strict=True)))
    known = {(row["redeem_code"], row["kind"], row["part"]) for row in rows}
    new = [(code, fact) for code, fact in evidence if (code, fact.kind.value, fact.part) not in known]
    records = [(code, f.kind, f.part, f.happened_at, now, f.source, f.id) for code, f in new]
    await connection.copy_records_to_table("evidence", columns=EVIDENCE, records=records)
    return {(code, fact.kind.value, fact.part) for code, fact in new}


async def load_evidence(connection: Connection, redeem_codes: Collection[str]) -> dict[str, list[Evidence]]:
    """redeem_code -> all that counts; a code without any is there, with an empty list."""
    found = _evidence(await connection.fetch(QUERIES["load_evidence"], list(redeem_codes)))
    return {code: found.get(code, []) for code in redeem_codes}


async def load_possibly_sufficient_evidence(
    connection: Connection, requirement_counts: Mapping[str, int]
) -> dict[str, list[Evidence]]:
    """redeem_code -> all that counts, for those with at least as many pieces as they demand."""
    return _evidence(
        await connection.fetch(
            QUERIES["load_possibly_sufficient_evidence"], list(requirement_counts), list(requirement_counts.values())
        )
    )


async def add_to_state_counts(connection: Connection, counts: Iterable[tuple[tuple[int, str], int]]) -> None:
    """Adds ((lane, state), number) of enrollments that have come to be in a state."""
    counted = sorted(counts)
    await connection.execute(
        QUERIES["add_to_state_counts"],
        [lane for (lane, _), _ in counted],
        [state for (_, state), _ in counted],
        [number for _, number in counted],
    )


async def load_state_counts(connection: Connection) -> dict[EnrollmentState, int]:
    """State -> how many enrollments ever came to be in it; the decided ones were open before."""
    return {
        EnrollmentState(row["state"]): row["enrollments"]
        for row in await connection.fetch(QUERIES["load_state_counts"])
    }


async def count_enrollments_by_state(connection: Connection) -> dict[EnrollmentState, int]:
    """State -> how many enrollments are in it now. Reads the whole table."""
    return {
        EnrollmentState(row["state"]): row["enrollments"]
        for row in await connection.fetch(QUERIES["count_enrollments_by_state"])
    }


async def load_open_without_deadline(connection: Connection) -> list[str]:
    """The redeem codes of open enrollments that would never be given up. Reads the whole table."""
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["load_open_without_deadline"])]


async def count_orphaned_evidence(connection: Connection) -> int:
    """How many pieces of evidence belong to no confirmed enrollment. Reads the whole table."""
    return int(await connection.fetchval(QUERIES["count_orphaned_evidence"]))


async def load_remembered_outcomes(
    connection: Connection, types: Collection[str], redeem_codes: Collection[str]
) -> set[str]:
    """The redeem codes of which an event of one of these types had been published before a restore."""
    rows = await connection.fetch(QUERIES["load_remembered_outcomes"], list(types), list(redeem_codes))
    return {row["redeem_code"] for row in rows}


def _evidence(rows: Iterable[Record]) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for row in rows:
        fact = Evidence(
            kind=EvidenceKind(row["kind"]),
            part=row["part"],
            source=row["source"],
            id=row["id"],
            happened_at=row["happened_at"],
            seen_at=row["seen_at"],
        )
        found.setdefault(row["redeem_code"], []).append(fact)
    return found


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
    )


def _record(e: Enrollment, known_at: datetime) -> tuple[object, ...]:
    terms = e.terms
    known = (
        e.redeem_code,
        e.participant_id,
        e.lane,
        e.state,
        known_at,
        None if e.state is EnrollmentState.OPEN else known_at,
    )
    if terms is None:
        return (*known, None, None, None, None)
    return (*known, terms.provider_id, terms.scheme, terms.scheme_version, _rule_text(terms.rule))


@lru_cache(maxsize=500)
def _rule_text(rule: CompletionRule) -> str:
    """Everybody in a class has the same rule, so it is remembered, here and when it is read."""
    sessions = [
        session._asdict() | {"starts_at": write_time(session.starts_at), "ends_at": write_time(session.ends_at)}
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
    }
    return json.dumps(members, separators=(",", ":"))


@lru_cache(maxsize=500)
def _rule(text: str) -> CompletionRule:
    members = json.loads(text)
    sessions = tuple(
        RequiredSession(
            sequence=session["sequence"],
            proof=session["proof"],
            starts_at=datetime.fromisoformat(session["starts_at"]),
            ends_at=datetime.fromisoformat(session["ends_at"]),
        )
        for session in members.pop("sessions")
    )
    return CompletionRule(sessions=sessions, **members)
