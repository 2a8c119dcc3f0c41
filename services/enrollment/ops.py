"""Views for operators: the audit trail of one participant, participants by wave, enrollments by state."""

from collections.abc import Mapping

from asyncpg import Connection

from services.enrollment.domain.scheme import SchemeVersions
from services.enrollment.explanation import decisions_of
from services.enrollment.store.state_counts import load_state_counts
from services.enrollment.store.views import view_participant
from services.enrollment.store.waves import count_waves
from shared.runtime.definition import Gauge
from shared.runtime.explanation import in_order, members_of


async def audit_trail(
    schemes: Mapping[str, SchemeVersions], connection: Connection, participant_id: str
) -> dict[str, object] | None:
    """Return a participant's decisions in order of time and the balance left; None if there was no application."""
    views = await view_participant(connection, participant_id)
    if not views.admissions:
        return None
    granted = sum(admission["balance"] or 0 for admission in views.admissions)
    spent = sum(enrollment["price"] for enrollment in views.enrollments if enrollment["state"] == "confirmed")
    return {
        "participant_id": participant_id,
        "balance_left": granted - spent - sum(forfeit["amount"] for forfeit in views.forfeits),
        "decisions": [members_of(decision) for decision in in_order(decisions_of(schemes, views))],
    }


async def gauges(connection: Connection) -> list[Gauge]:
    """Return `salur_participants` by wave and state, and `salur_enrollments` by state, from the stored counts."""
    found = []
    for wave, admitted, refused in await count_waves(connection):
        found.append(Gauge("salur_participants", float(admitted), {"wave": wave, "state": "admitted"}))
        found.append(Gauge("salur_participants", float(refused), {"wave": wave, "state": "refused"}))
    states = await load_state_counts(connection)
    return found + [Gauge("salur_enrollments", float(number), {"state": state}) for state, number in states.items()]
