"""Invariants of completion, computed again from its rows."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.completion.domain.completion import Completion, decide_completion, digest_of
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, Origin
from services.completion.domain.revocation import replace_revoked, select_standing
from services.completion.store.deadlines import load_open_without_deadline
from services.completion.store.enrollments import load_next_enrollments, load_reopened_without_persons
from services.completion.store.evidence import count_orphaned_facts, load_evidence, load_spares
from services.completion.store.remembered_events import load_remembered_outcomes
from services.completion.store.revocations import load_revocations
from services.completion.store.state_counts import count_enrollments_by_state, load_state_counts
from services.completion.store.surveys import load_surveys_without_enrollment
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED, COMPLETION_REVOKED
from shared.runtime.definition import Invariant

PORTION = 2_000
OUTCOME_TYPES = (COMPLETION_CONFIRMED.name, COMPLETION_REJECTED.name, COMPLETION_REVOKED.name)


async def rests_on_evidence(connection: Connection) -> list[str]:
    """Check that each completion has all evidence its rule demands, under the digest that was announced."""
    return [
        breach
        async for one in _each_enrollment(connection, EnrollmentState.COMPLETED, EnrollmentState.REVOKED)
        if not one.adopted
        for breach in _unfounded(one)
    ]


async def revoked_evidence_does_not_count(connection: Connection) -> list[str]:
    """Check that no open enrollment counts revoked evidence, and that completions stand while enough is left."""
    states = (EnrollmentState.OPEN, EnrollmentState.COMPLETED, EnrollmentState.REVOKED)
    return [
        breach
        async for one in _each_enrollment(connection, *states)
        if not one.adopted
        for breach in _wrongly_standing(one)
    ]


async def all_complete_are_completed(connection: Connection) -> list[str]:
    """Check that each enrollment with all its evidence is completed."""
    return [
        f"{one.enrollment.redeem_code} has all its evidence and is {one.enrollment.state}"
        async for one in _each_enrollment(
            connection, EnrollmentState.OPEN, EnrollmentState.NOT_COMPLETED, EnrollmentState.VOIDED
        )
        if not one.adopted and one.outcome
    ]


async def all_open_have_a_deadline(connection: Connection) -> list[str]:
    """Check that each open enrollment has a deadline."""
    return [f"{code} is open without a deadline" for code in await load_open_without_deadline(connection)]


async def reopened_by_two_persons(connection: Connection) -> list[str]:
    """Check that the log of operations has two persons for each enrollment that was reopened."""
    return [f"{code} was reopened, and not by two persons" for code in await load_reopened_without_persons(connection)]


async def evidence_has_an_enrollment(connection: Connection) -> list[str]:
    """Check that all evidence, spares and revocations belong to a confirmed enrollment."""
    orphaned = await count_orphaned_facts(connection)
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
    now[EnrollmentState.COMPLETED] = now.get(EnrollmentState.COMPLETED, 0) + now.get(EnrollmentState.REVOKED, 0)
    return [
        f"{ever.get(state, 0)} enrollments are counted as {state}, the table has {now.get(state, 0)}"
        for state in EnrollmentState
        if ever.get(state, 0) != now.get(state, 0)
    ]


INVARIANTS = (
    Invariant("I4", "each completion has the evidence that its rule demands", rests_on_evidence),
    Invariant("I4", "no revoked evidence counts", revoked_evidence_does_not_count),
    Invariant("I3", "each enrollment with all its evidence is completed", all_complete_are_completed),
    Invariant("I3", "each open enrollment has a deadline", all_open_have_a_deadline),
    Invariant("I7", "each reopened enrollment was reopened by two persons", reopened_by_two_persons),
    Invariant("I7", "all evidence belongs to a confirmed enrollment", evidence_has_an_enrollment),
    Invariant("I7", "each survey names an enrollment of its participant", surveys_have_an_enrollment),
    Invariant("I7", "the state counts equal the table", state_counts_agree),
)


class Records(NamedTuple):
    """All that is stored about one enrollment; `adopted`: its outcome was announced before a restore.

    `ended_at`: when the revocation was read that ended its completion; what came later decided nothing.
    """

    enrollment: Enrollment
    evidence: list[Evidence]
    spares: list[Evidence]
    revoked: frozenset[Origin]
    adopted: bool
    ended_at: datetime | None

    @property
    def outcome(self) -> Completion | None:
        """The completion that all its evidence makes, whether or not it was revoked."""
        return _completion(self.enrollment, self.evidence)

    @property
    def outcome_left(self) -> Completion | None:
        """The completion that is made by what was not revoked."""
        facts = [*self.evidence, *self.spares]
        in_time = [fact for fact in facts if self.ended_at is None or fact.seen_at < self.ended_at]
        return _completion(self.enrollment, select_standing(in_time, self.revoked))


async def _each_enrollment(connection: Connection, *states: EnrollmentState) -> AsyncIterator[Records]:
    """Yield what is stored about each enrollment in one of these states."""
    after = ""
    while portion := await load_next_enrollments(connection, after, PORTION):
        after = portion[-1].redeem_code
        enrollments = [enrollment for enrollment in portion if enrollment.state in states]
        codes = [enrollment.redeem_code for enrollment in enrollments]
        evidence, spares = await load_evidence(connection, codes), await load_spares(connection, codes)
        revoked = await load_revocations(connection, codes)
        announced = await load_remembered_outcomes(connection, OUTCOME_TYPES, codes)
        for enrollment in enrollments:
            code = enrollment.redeem_code
            origins = frozenset(one.revocation.origin for one in revoked[code])
            ended_at = next((one.seen_at for one in revoked[code] if one.ends_completion), None)
            yield Records(enrollment, evidence[code], spares[code], origins, code in announced, ended_at)


def _completion(enrollment: Enrollment, evidence: Iterable[Evidence]) -> Completion | None:
    outcome = decide_completion(enrollment.terms.rule, evidence) if enrollment.terms else None
    return outcome if isinstance(outcome, Completion) else None


def _unfounded(one: Records) -> list[str]:
    code, outcome = one.enrollment.redeem_code, one.outcome
    if outcome is None:
        return [f"{code} is {one.enrollment.state} without all its evidence"]
    if digest_of(one.enrollment, outcome) != one.enrollment.digest:
        return [f"{code} has evidence of another digest than was announced"]
    return []


def _wrongly_standing(one: Records) -> list[str]:
    """Return why the state of the enrollment is not what its revocations make of it."""
    code = one.enrollment.redeem_code
    match one.enrollment.state:
        case EnrollmentState.OPEN:
            ended = replace_revoked(one.evidence, one.spares, one.revoked).ended
            held = {(fact.kind, fact.part) for fact in one.evidence}
            idle = [fact for fact in select_standing(one.spares, one.revoked) if (fact.kind, fact.part) not in held]
            return [f"{code} counts {fact.id}, which was revoked" for fact in ended] + [
                f"{code} does not count {fact.id}, though no other event of its key counts" for fact in idle
            ]
        case EnrollmentState.COMPLETED if one.outcome_left is None:
            return [f"{code} is completed, though too much of its evidence was revoked"]
        case EnrollmentState.REVOKED if one.outcome_left is not None:
            return [f"{code} is revoked, though enough of its evidence is left"]
    return []
