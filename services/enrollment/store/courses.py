"""Courses: versions of the programme's approvals."""

from collections.abc import Collection, Iterable, Sequence

from asyncpg import Connection

from services.enrollment.domain.course import Course
from services.enrollment.store import QUERIES
from shared.postgres.columns import columns


async def insert_courses(connection: Connection, courses: Collection[Course]) -> None:
    codes, versions, providers, prices, hours = columns(
        courses, "course_code", "version", "provider_id", "price_at_most", "hours"
    )
    modes = [",".join(sorted(course.modes)) for course in courses]
    await connection.execute(QUERIES["insert_courses"], codes, versions, providers, modes, prices, hours)


async def load_courses(connection: Connection, course_codes: Collection[str]) -> list[Course]:
    """Load all versions of these courses; without any code no query is made."""
    if not course_codes:
        return []
    rows = await connection.fetch(QUERIES["load_courses"], list(course_codes))
    return [Course(**{**row, "modes": frozenset(row["modes"])}) for row in rows]


def latest_versions(courses: Iterable[Course]) -> dict[str, Course]:
    """Return the highest version of each course."""
    return {course.course_code: course for course in sorted(courses, key=lambda course: course.version)}


async def load_participants_with_course(connection: Connection, lanes: Sequence[int], at_most: int) -> set[str]:
    """Load participants with a purchase that waits for an approval which has come."""
    rows = await connection.fetch(QUERIES["load_participants_with_course"], list(lanes), at_most)
    return {row["participant_id"] for row in rows}
