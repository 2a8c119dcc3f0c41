"""Facts: the events that enrollment, completion and partners send to payment."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from shared.contracts import completion, enrollment
from shared.contracts.events import EventType
from shared.contracts.fields import rupiah
from shared.contracts.sealed_fields import seal_linked_account
from shared.contracts.secret import Secret
from shared.contracts.topics import LANES, disbursement_reports, lane_of
from shared.messaging.message import Record
from shared.messaging.sequence_number import source_of
from tests.builders import ADMITTED_AT, PROVIDER, Event, a_report, as_emitted, keys_of

PARTICIPANT = "4810000000000017"
CODE = "PRAT0AB12CD3"
FEE, INCENTIVE, SURVEY = 1_500_000, 600_000, 50_000
BOUGHT_AT = ADMITTED_AT + timedelta(days=1)
COMPLETED_AT = BOUGHT_AT + timedelta(days=3)
RATED_AT = COMPLETED_AT + timedelta(hours=1)
ANSWERED_AT = RATED_AT + timedelta(hours=1)
VOIDED_AT = COMPLETED_AT + timedelta(days=10)


def a_number(participant: str) -> str:
    """Return an account number of this participant alone."""
    return f"0812{participant[-8:]}"


def linked(
    participant: str = PARTICIPANT,
    *,
    partner: str = "gopay",
    number: str = "",
    day: int = 0,
    verified: bool = True,
    same_identity: bool = True,
) -> Event:
    """Return `account_linked`, some days after admission."""
    data = seal_linked_account(
        keys_of("accounts"),
        Secret(number or a_number(participant)),
        participant_id=participant,
        partner=partner,
        verified=verified,
        same_identity=same_identity,
        linked_at=ADMITTED_AT + timedelta(days=day),
    )
    return _internal(enrollment.ACCOUNT_LINKED, data)


def confirmed(
    participant: str = PARTICIPANT,
    code: str = CODE,
    *,
    wave: str = "48",
    provider: str = PROVIDER,
    fee: int = FEE,
    incentive: int = INCENTIVE,
    surveys: int = 0,
    clawback_days: int | None = None,
    months: int = 0,
    cut_off_at: datetime | None = None,
) -> Event:
    """Return `enrollment_confirmed` with a fee, an incentive for the first training, and so many surveys and months."""
    data = enrollment.EnrollmentConfirmed(
        participant_id=participant,
        redeem_code=code,
        wave=wave,
        scheme="normal-2023",
        scheme_version=1,
        platform="pintar",
        provider_id=provider,
        course_code="C-0815",
        schedule_code="S-0815-03",
        mode="online",
        price=rupiah(fee),
        hours=18,
        purchased_at=BOUGHT_AT,
        sessions=(),
        requires=enrollment.Requirements(post_test="passed", graded=True, certificate=False),
        whole_span=False,
        evidence_days=30,
        complete_within_days=30,
        benefits=_benefits(fee, incentive, surveys, months),
        clawback_days=clawback_days,
        cut_off_at=cut_off_at,
    )
    return _internal(enrollment.ENROLLMENT_CONFIRMED, data)


def _benefits(fee: int, incentive: int, surveys: int, months: int) -> tuple[enrollment.Benefit, ...]:
    return (
        enrollment.Benefit(
            benefit="fee", amount=rupiah(fee), payee="provider", milestone="completed", first_training_only=False
        ),
        _once("incentive_1", incentive, "rated"),
        *(_once(f"survey_{number}", SURVEY, f"survey_{number}") for number in range(1, surveys + 1)),
        *(_once(f"incentive_{number + 1}", incentive, "rated", number) for number in range(1, months + 1)),
    )


def _once(benefit: str, amount: int, milestone: str, months_after: int | None = None) -> enrollment.Benefit:
    return enrollment.Benefit(
        benefit=benefit,
        amount=rupiah(amount),
        payee="participant",
        milestone=milestone,
        first_training_only=True,
        months_after=months_after,
    )


def completed(participant: str = PARTICIPANT, code: str = CODE, at: datetime = COMPLETED_AT) -> Event:
    data = completion.CompletionConfirmed(
        participant_id=participant,
        redeem_code=code,
        completed_at=at,
        evidence=(),
        digest="00",
        scheme="normal-2023",
        scheme_version=1,
    )
    return _internal(completion.COMPLETION_CONFIRMED, data)


def not_completed(participant: str = PARTICIPANT, code: str = CODE) -> Event:
    data = completion.CompletionRejected(
        participant_id=participant, redeem_code=code, reason="not_completed_in_time", missing=("post_test_taken",)
    )
    return _internal(completion.COMPLETION_REJECTED, data)


def rated(participant: str = PARTICIPANT, code: str = CODE, at: datetime = RATED_AT) -> Event:
    data = completion.TrainingRated(participant_id=participant, redeem_code=code, stars=5, rated_at=at)
    return _internal(completion.TRAINING_RATED, data)


def answered(survey: int = 1, participant: str = PARTICIPANT, code: str = CODE, at: datetime = ANSWERED_AT) -> Event:
    data = completion.SurveyAnswered(participant_id=participant, redeem_code=code, survey=survey, answered_at=at)
    return _internal(completion.SURVEY_ANSWERED, data)


def voided(participant: str = PARTICIPANT, code: str = CODE, at: datetime = VOIDED_AT) -> Event:
    data = enrollment.EnrollmentVoided(
        participant_id=participant, redeem_code=code, wave="48", reason="class_cancelled", voided_at=at
    )
    return _internal(enrollment.ENROLLMENT_VOIDED, data)


def revoked(participant: str = PARTICIPANT, code: str = CODE, at: datetime = VOIDED_AT) -> Event:
    data = completion.CompletionRevoked(
        participant_id=participant,
        redeem_code=code,
        reason="face_fraud",
        evidence=completion.EvidenceReference(source="/attendance/face", id="f-1"),
        digest="00",
        revoked_at=at,
    )
    return _internal(completion.COMPLETION_REVOKED, data)


def blocked(participant: str = PARTICIPANT, at: datetime = VOIDED_AT) -> Event:
    data = enrollment.ParticipantBlocked(participant_id=participant, reason="ineligible", blocked_at=at)
    return _internal(enrollment.PARTICIPANT_BLOCKED, data)


def unblocked(participant: str = PARTICIPANT, at: datetime = VOIDED_AT + timedelta(days=1)) -> Event:
    data = enrollment.ParticipantUnblocked(participant_id=participant, reason="cleared", unblocked_at=at)
    return _internal(enrollment.PARTICIPANT_UNBLOCKED, data)


def erased(participant: str = PARTICIPANT, at: datetime = VOIDED_AT) -> Event:
    data = enrollment.ParticipantErased(participant_id=participant, erased_at=at)
    return _internal(enrollment.PARTICIPANT_ERASED, data)


class Reported(Event):
    """Report in the topic of its partner."""

    def record(self, offset: int = 0) -> Record:
        written = int(self.time.timestamp() * 1000)
        topic = disbursement_reports(self.source.rpartition("/")[2])
        return Record(topic, offset % LANES, offset, written, self.key.encode(), self.value, tuple(self.headers))


def reported(
    partner: str, reference: str, status: str, amount: int, reason: str | None = None, at: datetime = COMPLETED_AT
) -> Event:
    made = a_report(reference, status, amount, reason=reason, reported_at=at)
    return Reported(made.type, made.data, f"/partners/{partner}", made.key, made.id, made.time)


def not_found(partner: str, reference: str, at: datetime = COMPLETED_AT) -> Event:
    """Return the answer of a partner that does not know a reference."""
    made = reported(partner, reference, "not_found", 1, at=at)
    data = {**made.data, "amount": None, "partner_reference": None}
    return Reported(made.type, data, made.source, made.key, made.id, made.time)


def journey(participant: str = PARTICIPANT, code: str = CODE, **terms: Any) -> list[Event]:
    """Return all events that make the fee and the incentive of one training fall due."""
    return [
        linked(participant),
        confirmed(participant, code, **terms),
        completed(participant, code),
        rated(participant, code),
    ]


def in_one_lane(count: int, first: int = 17) -> list[str]:
    """Return participants who share the lane of the first."""
    lane, number = lane_of(f"481{first:013}"), first
    found: list[str] = []
    while len(found) < count:
        if lane_of(f"481{number:013}") == lane:
            found.append(f"481{number:013}")
        number += 1
    return found


def in_another_lane(participant: str) -> str:
    number = 1
    while lane_of(f"482{number:013}") == lane_of(participant):
        number += 1
    return f"482{number:013}"


def of_lane(lane: int, number: int = 0) -> str:
    """Return a participant of this lane, another one for each `number`."""
    found = (f"483{one:013}" for one in count(number * 1000) if lane_of(f"483{one:013}") == lane)
    return next(found)


def fee_due(lane: int, number: int, amount: int) -> list[Event]:
    """Return the events that make one fee of this amount fall due in a lane, under the code `code_of(number)`."""
    person, code = of_lane(lane, number), code_of(number)
    return [confirmed(person, code, fee=amount), completed(person, code)]


def code_of(number: int) -> str:
    return f"PRAT{number:08}"


def _internal(event: EventType[Any], data: Any) -> Event:
    source = source_of(event.name.split(".")[1])
    return InternalEvent(event, data.model_dump(mode="json"), source, data.participant_id, f"i-{data!r}"[:100])


class InternalEvent(Event):
    """Event of another service, with its era and sequence."""

    def record(self, offset: int = 0) -> Record:
        return as_emitted(super().record(offset), self.type.name.split(".")[1])
