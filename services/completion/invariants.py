"""What always holds in the books of completion, computed again from the rows."""

from collections.abc import AsyncIterator

from asyncpg import Connection

from services.completion.domain.completion import Completion, decide_completion, digest_of
from services.completion.domain.enrollment import Enrollment, State
from services.completion.domain.evidence import Evidence
from services.completion.store import (
    count_states,
    count_stray_evidence,
    load_evidence,
    load_next_enrollments,
    load_said,
    load_tally,
    load_without_deadline,
)
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED
from shared.runtime.parts import Invariant

PORTION = 2_000
WORDS = (COMPLETION_CONFIRMED.name, COMPLETION_REJECTED.name)


async def rests_on_evidence(connection: Connection) -> list[str]:
    """Behind each confirmed completion stands all that its rule demands, under the digest that was said."""
    return [
        breach
        async for enrollment, evidence, adopted in _all(connection, State.COMPLETED)
        for breach in _unfounded(enrollment, evidence, adopted)
    ]


async def none_forgotten(connection: Connection) -> list[str]:
    """What has all its evidence is completed."""
    return [
        f"{enrollment.redeem_code} has all its evidence and is {enrollment.state}"
        async for enrollment, evidence, adopted in _all(connection, State.OPEN, State.NOT_COMPLETED)
        if not adopted and _outcome(enrollment, evidence)
    ]


async def none_open_for_ever(connection: Connection) -> list[str]:
    """What is never completed is given up one day."""
    return [f"{code} is open for ever" for code in await load_without_deadline(connection)]


async def evidence_is_somebodys(connection: Connection) -> list[str]:
    """Evidence belongs to a confirmed enrollment."""
    stray = await count_stray_evidence(connection)
    return [f"{stray} pieces of evidence belong to no confirmed enrollment"] if stray else []


async def tally_agrees(connection: Connection) -> list[str]:
    """The tally counts what is there."""
    ever, now = await load_tally(connection), await count_states(connection)
    now[State.OPEN] = sum(number for state, number in now.items() if state is not State.REJECTED)
    return [
        f"the tally says that {ever.get(state, 0)} enrollments came to be {state}, the table says {now.get(state, 0)}"
        for state in State
        if ever.get(state, 0) != now.get(state, 0)
    ]


INVARIANTS = (
    Invariant("I4", "a confirmed completion rests on the evidence its rule demands", rests_on_evidence),
    Invariant("I3", "what has all its evidence is completed", none_forgotten),
    Invariant("I3", "what is never completed is given up", none_open_for_ever),
    Invariant("I7", "evidence belongs to a confirmed enrollment", evidence_is_somebodys),
    Invariant("I1", "the tally of enrollments agrees with the enrollments", tally_agrees),
)


async def _all(connection: Connection, *states: State) -> AsyncIterator[tuple[Enrollment, list[Evidence], bool]]:
    """Each enrollment in one of these states, its evidence, and whether its outcome was said before a restore."""
    after = ""
    while portion := await load_next_enrollments(connection, after, PORTION):
        after = portion[-1].redeem_code
        enrollments = [enrollment for enrollment in portion if enrollment.state in states]
        codes = [enrollment.redeem_code for enrollment in enrollments]
        evidence, said = await load_evidence(connection, codes), await load_said(connection, WORDS, codes)
        for enrollment in enrollments:
            code = enrollment.redeem_code
            yield enrollment, evidence[code], code in said


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
        return [f"{enrollment.redeem_code} rests on other evidence than was said"]
    return []
