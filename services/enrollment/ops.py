"""What operators see: one participant's trail, participants by wave, enrollments by state."""

from datetime import datetime

from asyncpg import Connection

from services.enrollment.store.account import Account, load_accounts
from services.enrollment.store.admission import Admission, load_admissions
from services.enrollment.store.enrollment import Enrollment, count_enrollments, load_enrollments
from services.enrollment.store.wave import count_waves
from shared.runtime.parts import Gauge
from shared.times import write_time

Step = tuple[datetime, dict[str, object]]


async def trail(connection: Connection, participant_id: str) -> dict[str, object] | None:
    """What enrollment knows of a participant in order of time, and the balance left; None if that is nothing."""
    admissions = (await load_admissions(connection, [participant_id])).get(participant_id, [])
    account = (await load_accounts(connection, [participant_id])).get(participant_id)
    enrollments = (await load_enrollments(connection, [participant_id])).get(participant_id, [])
    if not admissions:
        return None
    steps = [_admission(admission) for admission in admissions]
    steps += [_account(account)] if account else []
    steps += [step for enrollment in enrollments for step in _enrollment(enrollment)]
    granted = sum(admission.balance or 0 for admission in admissions)
    spent = sum(enrollment.price for enrollment in enrollments if enrollment.confirmed)
    return {
        "participant_id": participant_id,
        "balance_left": granted - spent,
        "steps": [{"at": write_time(at), **step} for at, step in sorted(steps, key=lambda step: step[0])],
    }


async def gauges(connection: Connection) -> list[Gauge]:
    """`salur_participants` by wave and state, `salur_enrollments` by state; both are counted as they are decided."""
    found = []
    for wave, admitted, refused in await count_waves(connection):
        found.append(Gauge("salur_participants", float(admitted), {"wave": wave, "state": "admitted"}))
        found.append(Gauge("salur_participants", float(refused), {"wave": wave, "state": "refused"}))
    states = await count_enrollments(connection)
    return found + [Gauge("salur_enrollments", float(number), {"state": state}) for state, number in states.items()]


def _admission(admission: Admission) -> Step:
    return admission.admitted_at, {
        "step": "admitted" if admission.admitted else "refused",
        "wave": admission.wave,
        "reason": admission.reason,
        "scheme": admission.scheme,
        "scheme_version": admission.scheme_version,
        "balance": admission.balance,
    }


def _account(account: Account) -> Step:
    return account.linked_at, {
        "step": "account_linked",
        "partner": account.partner,
        "verified": account.verified,
        "same_identity": account.same_identity,
    }


def _enrollment(enrollment: Enrollment) -> list[Step]:
    place: dict[str, object] = {"redeem_code": enrollment.redeem_code}
    purchase = {
        "step": "training_purchased",
        "state": enrollment.state.value,
        "reason": enrollment.reason,
        "due_at": enrollment.due_at and write_time(enrollment.due_at),
        "provider_id": enrollment.provider_id,
        "course_code": enrollment.course_code,
        "price": enrollment.price,
        "scheme": enrollment.scheme,
        "scheme_version": enrollment.scheme_version,
    }
    steps: list[Step] = [(enrollment.purchased_at, place | purchase)]
    if enrollment.completed_at:
        steps.append((enrollment.completed_at, place | {"step": "completed"}))
    if enrollment.rated_at:
        steps.append((enrollment.rated_at, place | {"step": "rated"}))
    return steps
