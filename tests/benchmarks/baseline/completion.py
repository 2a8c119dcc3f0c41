"""Completion of the baseline: `python -m tests.benchmarks.baseline.completion`.

Each handler locks the training, so that two pieces of evidence of it are not handled at once.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts import completion, enrollment, upstream
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from tests.benchmarks.baseline.service import COMPLETION_EVENTS, ENROLLMENT_EVENTS, Headers, Service, emit, handles

Rule = enrollment.EnrollmentConfirmed
HOUR, EVIDENCE_DAYS = timedelta(hours=1), timedelta(days=30)
service = Service("baseline_completion")
enrollments = service.subscriber(ENROLLMENT_EVENTS)
attendance = service.subscriber(TRAINING_ATTENDANCE)
evidence = service.subscriber(TRAINING_EVIDENCE)

KEEP_TRAINING = "insert into training values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
KEEP_EVIDENCE = "insert into evidence values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning redeem_code"
TRAINING = "select * from training where redeem_code = $1 for update"
EVIDENCE = "select * from evidence where redeem_code = $1 order by happened_at"
COMPLETED = "update training set completed_at = $2, digest = $3 where redeem_code = $1"


@handles(enrollments, enrollment.ENROLLMENT_CONFIRMED)
async def note_enrollment(data: enrollment.EnrollmentConfirmed, _: Headers) -> None:
    row = (data.redeem_code, data.participant_id, data.provider_id, data.scheme, data.scheme_version)
    async with service.transaction() as connection:
        await connection.execute(KEEP_TRAINING, *row, enrollment.ENROLLMENT_CONFIRMED.dump(data))


@enrollments
async def others() -> None:
    """Ignore admissions and accounts, which this service does not need."""


@handles(attendance, upstream.SESSION_ATTENDED)
async def attended(data: upstream.SessionAttended, headers: Headers) -> None:
    if str(headers["ce_source"]).startswith("/attendance/"):
        await _take("session_attended", data, data.sequence, data.attended_at, headers)


@handles(evidence, upstream.POST_TEST_TAKEN)
async def tested(data: upstream.PostTestTaken, headers: Headers) -> None:
    if data.passed:
        await _take("post_test_taken", data, _micros(data.taken_at), data.taken_at, headers)


@handles(evidence, upstream.WORK_GRADED)
async def graded(data: upstream.WorkGraded, headers: Headers) -> None:
    await _take("work_graded", data, _micros(data.graded_at), data.graded_at, headers)


@handles(evidence, upstream.TRAINING_RATED)
async def rated(data: upstream.TrainingRated, headers: Headers) -> None:
    await _take("training_rated", data, 0, data.rated_at, headers)


async def _take(kind: str, data: Any, part: int, at: datetime, headers: Headers) -> None:
    """Store the evidence, and complete the training if it was the last; fail if the training is not known yet.

    A failed message is delivered again.
    """
    async with service.transaction() as connection:
        training = await connection.fetchrow(TRAINING, data.redeem_code)
        if training["participant_id"] != data.participant_id:
            return
        rule = enrollment.ENROLLMENT_CONFIRMED.parse(training["terms"])
        if not _in_window(rule, kind, part, at):
            return
        source, number = headers["ce_source"], headers["ce_id"]
        row = (data.redeem_code, kind, part, at, datetime.now(UTC), source, number)
        if not await connection.fetchval(KEEP_EVIDENCE, *row):
            return
        if isinstance(data, upstream.TrainingRated):
            rated = completion.TrainingRated(
                participant_id=data.participant_id,
                redeem_code=data.redeem_code,
                stars=data.stars,
                rated_at=data.rated_at,
            )
            await emit(connection, COMPLETION_EVENTS, data.participant_id, completion.TRAINING_RATED, rated)
        elif training["completed_at"] is None:
            await _complete(connection, training, rule)


async def _complete(connection: Any, training: Any, rule: Rule) -> None:
    facts = {(row["kind"], row["part"]): row for row in await connection.fetch(EVIDENCE, training["redeem_code"])}
    needed = [facts.get(("session_attended", session.sequence)) for session in rule.sessions]
    needed.append(next((row for (kind, _), row in facts.items() if kind == "post_test_taken"), None))
    if rule.requires.graded:
        needed.append(next((row for (kind, _), row in facts.items() if kind == "work_graded"), None))
    found = [row for row in needed if row is not None]
    if len(found) < len(needed):
        return
    confirmed = completion.CompletionConfirmed(
        participant_id=training["participant_id"],
        redeem_code=training["redeem_code"],
        completed_at=max(row["happened_at"] for row in found),
        evidence=tuple(
            completion.EvidenceNamed(
                type=row["kind"],
                source=row["source"],
                id=row["id"],
                happened_at=row["happened_at"],
                seen_at=row["seen_at"],
            )
            for row in found
        ),
        digest=hashlib.sha256(repr([tuple(row.values()) for row in found]).encode()).hexdigest(),
        scheme=training["scheme"],
        scheme_version=training["scheme_version"],
    )
    await connection.execute(COMPLETED, confirmed.redeem_code, confirmed.completed_at, bytes.fromhex(confirmed.digest))
    await emit(connection, COMPLETION_EVENTS, confirmed.participant_id, completion.COMPLETION_CONFIRMED, confirmed)


def _in_window(rule: Rule, kind: str, part: int, at: datetime) -> bool:
    if kind == "session_attended":
        session = next((one for one in rule.sessions if one.sequence == part), None)
        return session is not None and session.starts_at - HOUR <= at <= session.ends_at + HOUR
    ends_at = max(session.ends_at for session in rule.sessions)
    return min(session.starts_at for session in rule.sessions) <= at <= ends_at + EVIDENCE_DAYS


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


if __name__ == "__main__":
    service.run()
