"""Adoption after a restore: what was announced stays as it was announced, and is not announced again."""

from collections.abc import Collection
from typing import Any

from shared.contracts import completion
from shared.contracts.completion import (
    CompletionConfirmed,
    CompletionRejected,
    CompletionRevoked,
    SurveyAnswered,
    TrainingRated,
)
from shared.contracts.events import EventType
from shared.contracts.park_reasons import Parked
from shared.contracts.topics import COMPLETION_EVENTS
from shared.messaging.transaction.remembered_events import RememberedEvent, recall, remember
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction

OutcomeEvent = CompletionConfirmed | CompletionRejected

EVENTS = {event.name: event for event in completion.EVENTS}
OUTCOMES: dict[str, EventType[CompletionConfirmed] | EventType[CompletionRejected]] = {
    completion.COMPLETION_CONFIRMED.name: completion.COMPLETION_CONFIRMED,
    completion.COMPLETION_REJECTED.name: completion.COMPLETION_REJECTED,
}


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Remember each event until its evidence has been read again, and take its decision over then.

    A missing event does no harm: its decision is made and emitted again, and readers know it by its business key.
    """
    if tail.topic != COMPLETION_EVENTS:
        return
    remembered = []
    for _, outbox_event in tail.events():
        try:
            event = EVENTS[outbox_event.type].parse(outbox_event.data)
        except (KeyError, Parked):
            continue
        remembered.append(RememberedEvent(outbox_event.type, _key_of(event), event.participant_id, outbox_event.data))
    await remember(tx, tail.lane, remembered)


def _key_of(event: Any) -> str:
    """Return the business key of an event that this service announced."""
    if isinstance(event, SurveyAnswered):
        return survey_key(event.participant_id, event.survey)
    return str(event.redeem_code)


def survey_key(participant_id: str, survey: int) -> str:
    return f"{participant_id}/{survey}"


async def load_announced_outcomes(tx: Transaction, participant_ids: Collection[str]) -> dict[str, OutcomeEvent]:
    """Return the outcomes that were announced before a restore, by redeem code."""
    remembered = await recall(tx, participant_ids, *OUTCOMES)
    return {one.key: OUTCOMES[one.type].parse(one.data) for one in remembered}


async def load_announced_ratings(tx: Transaction, participant_ids: Collection[str]) -> dict[str, TrainingRated]:
    """Return the ratings that were announced before a restore, by redeem code."""
    remembered = await recall(tx, participant_ids, completion.TRAINING_RATED.name)
    return {one.key: completion.TRAINING_RATED.parse(one.data) for one in remembered}


async def load_announced_surveys(tx: Transaction, participant_ids: Collection[str]) -> set[str]:
    """Return the keys of the surveys that were announced before a restore."""
    return {one.key for one in await recall(tx, participant_ids, completion.SURVEY_ANSWERED.name)}


async def load_announced_revocations(tx: Transaction, participant_ids: Collection[str]) -> dict[str, CompletionRevoked]:
    """Return the revocations of completions that were announced before a restore, by redeem code."""
    remembered = await recall(tx, participant_ids, completion.COMPLETION_REVOKED.name)
    return {one.key: completion.COMPLETION_REVOKED.parse(one.data) for one in remembered}
