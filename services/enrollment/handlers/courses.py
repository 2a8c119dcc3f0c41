"""Courses: an approval is a cause shared by all lanes; the sweep of each lane decides what waited for it."""

from collections.abc import Sequence

from services.enrollment.domain.course import Course
from services.enrollment.store.courses import insert_courses, load_courses
from shared.contracts import upstream
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def approve_courses(tx: Transaction, messages: Sequence[Message[upstream.CourseApproved]]) -> None:
    """Store new versions; park other content under a known version."""
    courses = await load_courses(tx.connection, {message.data.course_code for message in messages})
    known = {(course.course_code, course.version): course for course in courses}
    approved = []
    for message in messages:
        course = _course(message.data)
        if known.setdefault((course.course_code, course.version), course) != course:
            tx.park(message, ParkReason.CONFLICT, "/version")
        else:
            approved.append(course)
    await insert_courses(tx.connection, approved)


def _course(data: upstream.CourseApproved) -> Course:
    return Course(
        data.course_code,
        data.version,
        data.provider_id,
        frozenset(data.modes),
        data.price_at_most.value,
        data.hours,
    )
