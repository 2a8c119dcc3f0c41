"""Adoption after a restore: completions, rejections and ratings that were announced stay as they were announced."""

from collections.abc import Collection

from shared.contracts import completion
from shared.contracts.completion import CompletionConfirmed, CompletionRejected, TrainingRated
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

    A missing event does no harm: its decision is made and emitted again, and readers identify it by redeem code.
    """
    if tail.topic != COMPLETION_EVENTS:
        return
    remembered = []
    for _, outbox_event in tail.events():
        try:
            event = EVENTS[outbox_event.type].parse(outbox_event.data)
        except (KeyError, Parked):
            continue
        remembered.append(
            RememberedEvent(outbox_event.type, event.redeem_code, event.participant_id, outbox_event.data)
        )
    await remember(tx, tail.lane, remembered)


async def load_announced_outcomes(tx: Transaction, participant_ids: Collection[str]) -> dict[str, OutcomeEvent]:
    """Return the outcomes that were announced before a restore, by redeem code."""
    remembered = await recall(tx, participant_ids, *OUTCOMES)
    return {one.key: OUTCOMES[one.type].parse(one.data) for one in remembered}


async def load_announced_ratings(tx: Transaction, participant_ids: Collection[str]) -> dict[str, TrainingRated]:
    """Return the ratings that were announced before a restore, by redeem code."""
    remembered = await recall(tx, participant_ids, completion.TRAINING_RATED.name)
    return {one.key: completion.TRAINING_RATED.parse(one.data) for one in remembered}
