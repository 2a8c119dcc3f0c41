"""What each kind of event states, in the words of the domain."""

from collections.abc import Callable, Mapping
from typing import Any

from services.completion.domain.evidence import Kind, Statement
from shared.contracts import upstream
from shared.contracts.upstream import CertificateIssued, PostTestTaken, SessionAttended, TrainingRated, WorkGraded
from shared.messaging.message import Message


def _attendance(message: Message[SessionAttended]) -> Statement:
    data = message.data
    return Statement(
        kind=Kind.SESSION_ATTENDED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.attended_at,
        sequence=data.sequence,
        proof=data.proof,
    )


def _post_test(message: Message[PostTestTaken]) -> Statement:
    data = message.data
    return Statement(
        kind=Kind.POST_TEST_TAKEN,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.taken_at,
        passed=data.passed,
    )


def _graded_work(message: Message[WorkGraded]) -> Statement:
    """Any score will do, so whether it was enough is not asked."""
    data = message.data
    return Statement(
        kind=Kind.WORK_GRADED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.graded_at,
        provider_id=data.provider_id,
    )


def _certificate(message: Message[CertificateIssued]) -> Statement:
    data = message.data
    return Statement(
        kind=Kind.CERTIFICATE_ISSUED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.issued_at,
        provider_id=data.provider_id,
    )


def _rating(message: Message[TrainingRated]) -> Statement:
    data = message.data
    return Statement(
        kind=Kind.TRAINING_RATED,
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        source=message.source,
        id=message.id,
        happened_at=data.rated_at,
    )


_STATEMENTS: Mapping[str, Callable[[Message[Any]], Statement]] = {
    upstream.SESSION_ATTENDED.name: _attendance,
    upstream.POST_TEST_TAKEN.name: _post_test,
    upstream.WORK_GRADED.name: _graded_work,
    upstream.CERTIFICATE_ISSUED.name: _certificate,
    upstream.TRAINING_RATED.name: _rating,
}


def statement_of(message: Message[Any]) -> Statement:
    return _STATEMENTS[message.type](message)
