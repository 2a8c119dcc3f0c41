"""Intake of surveys: announces each participant's first answer to each survey."""

from collections.abc import Sequence

from services.completion.domain.deferral_kinds import ENROLLMENT
from services.completion.domain.survey import SurveyAnswer, survey_counts
from services.completion.handlers.announced_events import load_announced_surveys, survey_key
from services.completion.store.enrollments import load_enrollments
from services.completion.store.surveys import insert_surveys, select_first_surveys
from shared.contracts import completion
from shared.contracts.park_reasons import ParkReason
from shared.contracts.upstream import SurveyAnswered
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def accept_surveys(tx: Transaction, messages: Sequence[Message[SurveyAnswered]]) -> None:
    """Store first answers, and emit those that were not announced before a restore."""
    enrollments = await load_enrollments(tx.connection, {message.data.redeem_code for message in messages})
    accepted: dict[SurveyAnswer, Message[SurveyAnswered]] = {}
    for message in messages:
        enrollment = enrollments.get(message.data.redeem_code)
        if enrollment is None:
            tx.defer(message, ENROLLMENT, message.data.redeem_code)
        elif enrollment.participant_id != message.data.participant_id:
            tx.park(message, ParkReason.NOT_YOURS, "/participant_id")
        elif survey_counts(enrollment):
            accepted.setdefault(_answer(message), message)
    if not accepted:
        return
    first = await select_first_surveys(tx.connection, list(accepted))
    announced = await load_announced_surveys(tx, {answer.participant_id for answer in first})
    carried_by = [
        None
        if survey_key(answer.participant_id, answer.survey) in announced
        else _emit(tx, answer, enrollments[answer.redeem_code].lane, accepted[answer].trace)
        for answer in first
    ]
    await insert_surveys(tx.connection, first, carried_by, tx.now)


def _emit(tx: Transaction, answer: SurveyAnswer, lane: int, trace: str | None) -> int | None:
    """Emit an answer and return the number of its event."""
    event = completion.SurveyAnswered(
        participant_id=answer.participant_id,
        redeem_code=answer.redeem_code,
        survey=answer.survey,
        answered_at=answer.answered_at,
    )
    return tx.emit(completion.SURVEY_ANSWERED, event, lane=lane, key=answer.participant_id, trace=trace)


def _answer(message: Message[SurveyAnswered]) -> SurveyAnswer:
    data = message.data
    return SurveyAnswer(
        data.participant_id, data.survey, data.redeem_code, message.source, message.id, data.answered_at
    )
