"""Invariants of completion, computed again from its rows."""

from collections.abc import AsyncIterator

from asyncpg import Connection

from services.completion.domain.completion import Completion, decide_completion, digest_of
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence
from services.completion.store.deadlines import load_open_without_deadline
from services.completion.store.enrollments import load_next_enrollments
from services.completion.store.evidence import count_orphaned_evidence, load_evidence
from services.completion.store.remembered_events import load_remembered_outcomes
from services.completion.store.state_counts import count_enrollments_by_state, load_state_counts
from services.completion.store.surveys import load_surveys_without_enrollment
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED
from shared.runtime.definition import Invariant

PORTION = 2_000
OUTCOME_TYPES = (COMPLETION_CONFIRMED.name, COMPLETION_REJECTED.name)


async def rests_on_evidence(connection: Connection) -> list[str]:
    """Check that each completion has all evidence its rule demands, under the digest that was announced."""
    return [
        breach
        async for enrollment, evidence, adopted in _each_enrollment(connection, EnrollmentState.COMPLETED)
        for breach in _unfounded(enrollment, evidence, adopted)
    ]


async def all_complete_are_completed(connection: Connection) -> list[str]:
    """Check that each enrollment with all its evidence is completed."""
    return [
        f"{enrollment.redeem_code} has all its evidence and is {enrollment.state}"
        async for enrollment, evidence, adopted in _each_enrollment(
            connection, EnrollmentState.OPEN, EnrollmentState.NOT_COMPLETED, EnrollmentState.VOIDED
        )
        if not adopted and _outcome(enrollment, evidence)
    ]


async def all_open_have_a_deadline(connection: Connection) -> list[str]:
    """Check that each open enrollment has a deadline."""
    return [f"{code} is open without a deadline" for code in await load_open_without_deadline(connection)]


async def evidence_has_an_enrollment(connection: Connection) -> list[str]:
    """Check that all evidence belongs to a confirmed enrollment."""
    orphaned = await count_orphaned_evidence(connection)
    return [f"{orphaned} pieces of evidence belong to no confirmed enrollment"] if orphaned else []


async def surveys_have_an_enrollment(connection: Connection) -> list[str]:
    """Check that each answered survey names a confirmed enrollment of its participant."""
    return [
        f"survey {survey} of {participant_id} names no confirmed enrollment of theirs"
        for participant_id, survey in await load_surveys_without_enrollment(connection)
    ]


async def state_counts_agree(connection: Connection) -> list[str]:
    """Check that the stored counts agree with the enrollments."""
    ever, now = await load_state_counts(connection), await count_enrollments_by_state(connection)
    now[EnrollmentState.OPEN] = sum(number for state, number in now.items() if state is not EnrollmentState.REJECTED)
    return [
        f"{ever.get(state, 0)} enrollments are counted as {state}, the table has {now.get(state, 0)}"
        for state in EnrollmentState
        if ever.get(state, 0) != now.get(state, 0)
    ]


INVARIANTS = (
    Invariant("I4", "each completion has the evidence that its rule demands", rests_on_evidence),
    Invariant("I3", "each enrollment with all its evidence is completed", all_complete_are_completed),
    Invariant("I3", "each open enrollment has a deadline", all_open_have_a_deadline),
    Invariant("I7", "all evidence belongs to a confirmed enrollment", evidence_has_an_enrollment),
    Invariant("I7", "each survey names an enrollment of its participant", surveys_have_an_enrollment),
    Invariant("I7", "the state counts equal the table", state_counts_agree),
)


async def _each_enrollment(
    connection: Connection, *states: EnrollmentState
) -> AsyncIterator[tuple[Enrollment, list[Evidence], bool]]:
    """Yield each enrollment in one of these states, its evidence, and whether its outcome precedes a restore."""
    after = ""
    while portion := await load_next_enrollments(connection, after, PORTION):
        after = portion[-1].redeem_code
        enrollments = [enrollment for enrollment in portion if enrollment.state in states]
        codes = [enrollment.redeem_code for enrollment in enrollments]
        evidence = await load_evidence(connection, codes)
        announced = await load_remembered_outcomes(connection, OUTCOME_TYPES, codes)
        for enrollment in enrollments:
            yield enrollment, evidence[enrollment.redeem_code], enrollment.redeem_code in announced


def _outcome(enrollment: Enrollment, evidence: list[Evidence]) -> Completion | None:
    outcome = decide_completion(enrollment.terms.rule, evidence) if enrollment.terms else None
    return outcome if isinstance(outcome, Completion) else None


def _unfounded(enrollment: Enrollment, evidence: list[Evidence], adopted: bool) -> list[str]:
    if adopted:
        return []
    outcome = _outcome(enrollment, evidence)
    if outcome is None:
        return [f"{enrollment.redeem_code} is completed without all its evidence"]
    if digest_of(enrollment, outcome) != enrollment.digest:
        return [f"{enrollment.redeem_code} has evidence of another digest than was announced"]
    return []
