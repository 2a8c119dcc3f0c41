"""Views for operators: all that is stored of one participant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence
from services.completion.domain.survey import SurveyAnswer
from services.completion.store import QUERIES
from services.completion.store.enrollments import load_enrollments_of_participant
from services.completion.store.evidence import load_evidence, load_spares
from services.completion.store.revocations import StoredRevocation, load_revocations
from services.completion.store.surveys import load_surveys_of_participant
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, lane_of
from shared.messaging.eras import EventIds, load_event_ids


class EnrollmentView(NamedTuple):
    """One enrollment with its facts and revocations; `row` has the times and events of the decisions about it."""

    enrollment: Enrollment
    row: Record
    evidence: Sequence[Evidence]
    spares: Sequence[Evidence]
    revocations: Sequence[StoredRevocation]


class ParticipantViews(NamedTuple):
    """Enrollments of one participant, oldest first, and surveys, each with the time at which it was accepted.

    `survey_events`: the numbers of the events that announced them; `event_ids` completes these and others.
    """

    enrollments: Sequence[EnrollmentView]
    surveys: Sequence[tuple[SurveyAnswer, datetime]]
    survey_events: Mapping[int, int | None]
    event_ids: EventIds


async def view_participant(connection: Connection, participant_id: str) -> ParticipantViews:
    enrollments = await load_enrollments_of_participant(connection, participant_id)
    codes = [enrollment.redeem_code for enrollment in enrollments]
    rows = await _view_rows(connection, participant_id)
    evidence, spares = await load_evidence(connection, codes), await load_spares(connection, codes)
    revocations = await load_revocations(connection, codes)
    return ParticipantViews(
        [
            EnrollmentView(one, rows[code], evidence[code], spares[code], revocations[code])
            for one in enrollments
            for code in [one.redeem_code]
        ],
        await load_surveys_of_participant(connection, participant_id),
        {
            row["survey"]: row["carried_by"]
            for row in await connection.fetch(QUERIES["load_survey_views"], participant_id)
        },
        await load_event_ids(connection, lane_of(participant_id), [ENROLLMENT_EVENTS, COMPLETION_EVENTS]),
    )


async def _view_rows(connection: Connection, participant_id: str) -> Mapping[str, Record]:
    rows = await connection.fetch(QUERIES["load_enrollment_views"], participant_id)
    return {row["redeem_code"]: row for row in rows}
