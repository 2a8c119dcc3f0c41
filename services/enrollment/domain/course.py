"""Course: a training that the programme has approved."""

from dataclasses import dataclass

from services.enrollment.domain.scheme import Mode


@dataclass(frozen=True, slots=True)
class Course:
    """One version of an approval; the highest version counts. `price_at_most` in rupiah."""

    course_code: str
    version: int
    provider_id: str
    modes: frozenset[Mode]
    price_at_most: int
    hours: int
