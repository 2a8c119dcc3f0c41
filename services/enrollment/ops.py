"""Views for operators: the audit trail of one participant, participants by wave, enrollments by state."""

from datetime import datetime

from asyncpg import Connection

from services.enrollment.store.accounts import StoredAccount, load_accounts
from services.enrollment.store.admissions import Admission, load_admissions
from services.enrollment.store.blocks import StoredBlock, load_blocks
from services.enrollment.store.enrollments import Enrollment, load_enrollments
from services.enrollment.store.state_counts import load_state_counts
from services.enrollment.store.waves import count_waves
from shared.runtime.definition import Gauge
from shared.times import write_time

Step = tuple[datetime, dict[str, object]]


async def audit_trail(connection: Connection, participant_id: str) -> dict[str, object] | None:
    """Return a participant's steps in order of time and the balance left; None if there was no application."""
    admissions = (await load_admissions(connection, [participant_id])).get(participant_id, [])
    account = (await load_accounts(connection, [participant_id])).get(participant_id)
    enrollments = (await load_enrollments(connection, [participant_id])).get(participant_id, [])
    blocks = (await load_blocks(connection, [participant_id])).get(participant_id, [])
    if not admissions:
        return None
    steps = [_admission_step(admission) for admission in admissions]
    steps += [_account_step(account)] if account else []
    steps += [_block_step(block) for block in blocks]
    steps += [step for enrollment in enrollments for step in _enrollment_steps(enrollment)]
    granted = sum(admission.balance or 0 for admission in admissions)
    spent = sum(enrollment.price for enrollment in enrollments if enrollment.confirmed)
    return {
        "participant_id": participant_id,
        "balance_left": granted - spent,
        "steps": [{"at": write_time(at), **step} for at, step in sorted(steps, key=lambda step: step[0])],
    }


async def gauges(connection: Connection) -> list[Gauge]:
    """Return `salur_participants` by wave and state, and `salur_enrollments` by state, from the stored counts."""
    found = []
    for wave, admitted, refused in await count_waves(connection):
        found.append(Gauge("salur_participants", float(admitted), {"wave": wave, "state": "admitted"}))
        found.append(Gauge("salur_participants", float(refused), {"wave": wave, "state": "refused"}))
    states = await load_state_counts(connection)
    return found + [Gauge("salur_enrollments", float(number), {"state": state}) for state, number in states.items()]


def _admission_step(admission: Admission) -> Step:
    return admission.admitted_at, {
        "step": "admitted" if admission.admitted else "refused",
        "wave": admission.wave,
        "reason": admission.reason,
        "scheme": admission.scheme,
        "scheme_version": admission.scheme_version,
        "balance": admission.balance,
    }


def _account_step(account: StoredAccount) -> Step:
    return account.linked_at, {
        "step": "account_linked",
        "partner": account.partner,
        "verified": account.verified,
        "same_identity": account.same_identity,
    }


def _block_step(block: StoredBlock) -> Step:
    return block.at, {"step": "blocked" if block.blocked else "unblocked", "reason": block.reason}


def _enrollment_steps(enrollment: Enrollment) -> list[Step]:
    place: dict[str, object] = {"redeem_code": enrollment.redeem_code}
    purchase = {
        "step": "training_purchased",
        "state": enrollment.state.value,
        "reason": enrollment.reason,
        "due_at": enrollment.due_at and write_time(enrollment.due_at),
        "provider_id": enrollment.provider_id,
        "course_code": enrollment.course_code,
        "course_version": enrollment.course_version,
        "price": enrollment.price,
        "scheme": enrollment.scheme,
        "scheme_version": enrollment.scheme_version,
    }
    steps: list[Step] = [(enrollment.purchased_at, place | purchase)]
    if enrollment.completed_at:
        steps.append((enrollment.completed_at, place | {"step": "completed"}))
    if enrollment.rated_at:
        steps.append((enrollment.rated_at, place | {"step": "rated"}))
    if enrollment.revoked_at:
        steps.append((enrollment.revoked_at, place | {"step": "completion_revoked"}))
    if enrollment.voided_at:
        steps.append((enrollment.voided_at, place | {"step": "training_voided", "reason": enrollment.void_reason}))
    return steps
