"""Views for operators: rows of one participant as they are, without account numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from asyncpg import Connection, Record

from services.enrollment.store import QUERIES
from shared.contracts.topics import ENROLLMENT_EVENTS, lane_of
from shared.messaging.eras import EventIds, load_event_ids


class ParticipantViews(NamedTuple):
    """All rows of one participant, and the ids of events. `enrollments` are in the order in which they were bought."""

    participant_id: str
    admissions: Sequence[Record]
    account: Record | None
    blocks: Sequence[Record]
    erasure: Record | None
    enrollments: Sequence[Record]
    forfeits: Sequence[Record]
    event_ids: EventIds


async def view_participant(connection: Connection, participant_id: str) -> ParticipantViews:
    return ParticipantViews(
        participant_id=participant_id,
        admissions=await connection.fetch(QUERIES["load_admission_views"], participant_id),
        account=await connection.fetchrow(QUERIES["load_account_view"], participant_id),
        blocks=await connection.fetch(QUERIES["load_block_views"], participant_id),
        erasure=await connection.fetchrow(QUERIES["load_erasure_view"], participant_id),
        enrollments=await connection.fetch(QUERIES["load_enrollment_views"], participant_id),
        forfeits=await connection.fetch(QUERIES["load_forfeit_views"], participant_id),
        event_ids=await load_event_ids(connection, lane_of(participant_id), [ENROLLMENT_EVENTS]),
    )
