"""Enrollments and their tally."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.enrollment.domain.purchase import EnrollmentState, PurchaseRefusal, Training
from services.enrollment.store import QUERIES


class Enrollment(NamedTuple):
    """One purchased place. Price in rupiah. `due_at` and `purchase`, the event itself, only while undecided.

    The fields stand in the order of the columns that are loaded.
    """

    redeem_code: str
    participant_id: str
    lane: int
    state: EnrollmentState
    reason: PurchaseRefusal | None
    scheme: str | None
    scheme_version: int | None
    provider_id: str
    course_code: str
    price: int
    purchased_at: datetime
    ends_at: datetime
    content_digest: bytes
    due_at: datetime | None = None
    purchase: bytes | None = None
    trace: str | None = None
    completed_at: datetime | None = None
    rated_at: datetime | None = None

    @property
    def confirmed(self) -> bool:
        return self.state is EnrollmentState.CONFIRMED

    @property
    def training(self) -> Training:
        return Training(self.price, self.purchased_at, self.ends_at, self.completed_at, self.rated_at)


# What stands in a row when it is made; `completed_at` and the like come later.
PURCHASE_FIELD_COUNT = Enrollment._fields.index("completed_at")
ENROLLMENT_COLUMNS = (*Enrollment._fields[:PURCHASE_FIELD_COUNT], "decided_at")


async def load_enrollments(connection: Connection, people: Collection[str]) -> dict[str, list[Enrollment]]:
    """By participant; whoever has bought nothing is missing."""
    found: defaultdict[str, list[Enrollment]] = defaultdict(list)
    for row in await connection.fetch(QUERIES["load_enrollments"], list(people)):
        reason = row["reason"] and PurchaseRefusal(row["reason"])
        found[row["participant_id"]].append(
            Enrollment._make(row)._replace(state=EnrollmentState(row["state"]), reason=reason)
        )
    return dict(found)


async def save_enrollments(connection: Connection, enrollments: Sequence[Enrollment], now: datetime) -> None:
    """Saves new and undecided ones in the state they are in, and counts those that are decided now."""
    rows = await connection.fetch(QUERIES["load_known_enrollments"], [e.redeem_code for e in enrollments])
    known = {row["redeem_code"] for row in rows}
    new = [(*e[:PURCHASE_FIELD_COUNT], now) for e in enrollments if e.redeem_code not in known]
    await connection.copy_records_to_table("enrollment", columns=ENROLLMENT_COLUMNS, records=new)
    if again := [e for e in enrollments if e.redeem_code in known]:
        await connection.execute(
            QUERIES["update_enrollments"],
            now,
            [e.redeem_code for e in again],
            [e.state for e in again],
            [e.reason for e in again],
            [e.scheme for e in again],
            [e.scheme_version for e in again],
            [e.due_at for e in again],
            [e.purchase for e in again],
            [e.trace for e in again],
        )
    decided = Counter((e.lane, e.state) for e in enrollments if e.state is not EnrollmentState.UNDECIDED)
    if decided:
        lanes, states = zip(*decided, strict=True)
        await connection.execute(QUERIES["add_to_state_counts"], list(lanes), list(states), list(decided.values()))


MilestoneTimes = Mapping[tuple[str, str], datetime]
"""(redeem code, participant) -> when."""


async def mark_milestones(connection: Connection, completed: MilestoneTimes, rated: MilestoneTimes) -> set[str]:
    """Answers the redeem codes that are confirmed enrollments of theirs."""
    keys = list({**completed, **rated})
    rows = await connection.fetch(
        QUERIES["mark_milestones"],
        [code for code, _ in keys],
        [participant for _, participant in keys],
        [completed.get(key) for key in keys],
        [rated.get(key) for key in keys],
    )
    return {row["redeem_code"] for row in rows}


async def load_undecided_participants(connection: Connection, people: Collection[str]) -> set[str]:
    rows = await connection.fetch(QUERIES["load_undecided_participants"], list(people))
    return {row["participant_id"] for row in rows}


async def load_due_participants(connection: Connection, lanes: Sequence[int], due: datetime, at_most: int) -> set[str]:
    rows = await connection.fetch(QUERIES["load_due_participants"], list(lanes), due, at_most)
    return {row["participant_id"] for row in rows}


async def load_state_counts(connection: Connection) -> dict[str, int]:
    rows = await connection.fetch(QUERIES["load_state_counts"])
    return {row["state"]: row["enrollments"] for row in rows}
