"""Enrollments: purchased places in trainings."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.enrollment.domain.purchase import EnrollmentState, PurchaseRejection, Training
from services.enrollment.store import QUERIES
from shared.postgres.columns import columns


# A NamedTuple, whose fields are the columns that are copied and loaded, in order.
class Enrollment(NamedTuple):
    """One purchased place. Price in rupiah. `due_at` and `purchase`, the event itself, only while undecided.

    `course_version`: that of the approval which was known when it came to be in this state.
    """

    redeem_code: str
    participant_id: str
    lane: int
    state: EnrollmentState
    reason: PurchaseRejection | None
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
    course_version: int | None = None
    completed_at: datetime | None = None
    rated_at: datetime | None = None
    revoked_at: datetime | None = None
    voided_at: datetime | None = None
    void_reason: str | None = None
    reopened_at: datetime | None = None

    @property
    def undecided(self) -> bool:
        return self.state is EnrollmentState.UNDECIDED

    @property
    def confirmed(self) -> bool:
        return self.state is EnrollmentState.CONFIRMED

    @property
    def voided(self) -> bool:
        return self.state is EnrollmentState.VOIDED

    @property
    def training(self) -> Training:
        milestones = self.completed_at, self.rated_at, self.revoked_at
        return Training(self.price, self.purchased_at, self.ends_at, *milestones, self.voided_at, self.reopened_at)


# A new row has these fields; the milestones come later.
PURCHASE_FIELD_COUNT = Enrollment._fields.index("completed_at")
ENROLLMENT_COLUMNS = (*Enrollment._fields[:PURCHASE_FIELD_COUNT], "carried_by", "decided_at")
UPDATED = (
    "redeem_code",
    "state",
    "reason",
    "scheme",
    "scheme_version",
    "due_at",
    "purchase",
    "trace",
    "course_version",
)


async def load_enrollments(connection: Connection, people: Collection[str]) -> dict[str, list[Enrollment]]:
    """Load all enrollments by participant; a participant without any is missing."""
    found: defaultdict[str, list[Enrollment]] = defaultdict(list)
    for row in await connection.fetch(QUERIES["load_enrollments"], list(people)):
        found[row["participant_id"]].append(_enrollment(row))
    return dict(found)


async def load_enrollments_by_code(connection: Connection, redeem_codes: Collection[str]) -> dict[str, Enrollment]:
    """Load the known ones of these enrollments by redeem code, whoever bought them."""
    rows = await connection.fetch(QUERIES["load_enrollments_by_code"], list(redeem_codes))
    return {row["redeem_code"]: _enrollment(row) for row in rows}


def _enrollment(row: Record) -> Enrollment:
    reason = row["reason"] and PurchaseRejection(row["reason"])
    return Enrollment._make(row)._replace(state=EnrollmentState(row["state"]), reason=reason)


async def save_enrollments(
    connection: Connection, enrollments: Sequence[Enrollment], carried_by: Mapping[str, int | None], now: datetime
) -> None:
    """Insert new enrollments, and update those that were undecided.

    `carried_by`: the numbers of the events that announced decisions, by redeem code.
    """
    rows = await connection.fetch(QUERIES["load_known_enrollments"], [e.redeem_code for e in enrollments])
    known = {row["redeem_code"] for row in rows}
    new = [
        (*e[:PURCHASE_FIELD_COUNT], carried_by.get(e.redeem_code), now)
        for e in enrollments
        if e.redeem_code not in known
    ]
    await connection.copy_records_to_table("enrollment", columns=ENROLLMENT_COLUMNS, records=new)
    if again := [e for e in enrollments if e.redeem_code in known]:
        numbers = [carried_by.get(e.redeem_code) for e in again]
        await connection.execute(QUERIES["update_enrollments"], now, *columns(again, *UPDATED), numbers)


MilestoneTimes = Mapping[tuple[str, str], datetime]
"""Times by (redeem code, participant)."""


async def mark_milestones(
    connection: Connection, completed: MilestoneTimes, rated: MilestoneTimes, revoked: MilestoneTimes
) -> dict[str, str]:
    """Save milestones of confirmed enrollments, the first time of each; return the schemes of those known, by code."""
    keys = list({**completed, **rated, **revoked})
    rows = await connection.fetch(
        QUERIES["mark_milestones"],
        [code for code, _ in keys],
        [participant for _, participant in keys],
        [completed.get(key) for key in keys],
        [rated.get(key) for key in keys],
        [revoked.get(key) for key in keys],
    )
    return {row["redeem_code"]: row["scheme"] for row in rows}


async def mark_reopened(connection: Connection, reopened: MilestoneTimes) -> None:
    """Save when completed trainings had been reopened."""
    codes = [code for code, _ in reopened]
    people = [participant for _, participant in reopened]
    await connection.execute(QUERIES["mark_reopened"], codes, people, list(reopened.values()))


async def load_undecided_participants(connection: Connection, people: Collection[str]) -> set[str]:
    rows = await connection.fetch(QUERIES["load_undecided_participants"], list(people))
    return {row["participant_id"] for row in rows}


async def load_due_participants(connection: Connection, lanes: Sequence[int], due: datetime, at_most: int) -> set[str]:
    rows = await connection.fetch(QUERIES["load_due_participants"], list(lanes), due, at_most)
    return {row["participant_id"] for row in rows}
