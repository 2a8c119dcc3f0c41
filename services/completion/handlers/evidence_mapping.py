"""What each kind of event states, in the words of the domain."""

from collections.abc import Callable, Mapping
from typing import Any

from services.completion.domain.evidence import EvidenceKind, ReportedFact
from shared.contracts import upstream
from shared.contracts.upstream import CertificateIssued, PostTestTaken, SessionAttended, TrainingRated, WorkGraded
from shared.messaging.message import Message


def _map_attendance(message: Message[SessionAttended]) -> ReportedFact:
    data = message.data
    return ReportedFact(
        kind=EvidenceKind.SESSION_ATTENDED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.attended_at,
        sequence=data.sequence,
        proof=data.proof,
    )


def _map_post_test(message: Message[PostTestTaken]) -> ReportedFact:
    data = message.data
    return ReportedFact(
        kind=EvidenceKind.POST_TEST_TAKEN,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.taken_at,
        passed=data.passed,
    )


def _map_graded_work(message: Message[WorkGraded]) -> ReportedFact:
    """Any score will do, so whether it was enough is not asked."""
    data = message.data
    return ReportedFact(
        kind=EvidenceKind.WORK_GRADED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.graded_at,
        provider_id=data.provider_id,
    )


def _map_certificate(message: Message[CertificateIssued]) -> ReportedFact:
    data = message.data
    return ReportedFact(
        kind=EvidenceKind.CERTIFICATE_ISSUED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.issued_at,
        provider_id=data.provider_id,
    )


def _map_rating(message: Message[TrainingRated]) -> ReportedFact:
    data = message.data
    return ReportedFact(
        kind=EvidenceKind.TRAINING_RATED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.rated_at,
    )


_MAPPINGS: Mapping[str, Callable[[Message[Any]], ReportedFact]] = {
    upstream.SESSION_ATTENDED.name: _map_attendance,
    upstream.POST_TEST_TAKEN.name: _map_post_test,
    upstream.WORK_GRADED.name: _map_graded_work,
    upstream.CERTIFICATE_ISSUED.name: _map_certificate,
    upstream.TRAINING_RATED.name: _map_rating,
}


def map_evidence(message: Message[Any]) -> ReportedFact:
    return _MAPPINGS[message.type](message)
