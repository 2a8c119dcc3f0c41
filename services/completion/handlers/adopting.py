"""Recover after a restore: completions, rejections and ratings that were announced stand as they were announced."""

from collections.abc import Collection

from shared.contracts import completion
from shared.contracts.completion import CompletionConfirmed, CompletionRejected, TrainingRated
from shared.contracts.events import EventType
from shared.contracts.reasons import Parked
from shared.contracts.topics import COMPLETION_EVENTS
from shared.messaging.memory import Word, recall, remember
from shared.messaging.subscription import Tail
from shared.messaging.transaction import Transaction

Outcome = CompletionConfirmed | CompletionRejected

EVENTS = {event.name: event for event in completion.EVENTS}
OUTCOMES: dict[str, EventType[CompletionConfirmed] | EventType[CompletionRejected]] = {
    completion.COMPLETION_CONFIRMED.name: completion.COMPLETION_CONFIRMED,
    completion.COMPLETION_REJECTED.name: completion.COMPLETION_REJECTED,
}


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Remembers each event until its evidence has been read again; then it is what was decided.

    A hole does no harm: what is missing will be decided and said anew, and readers go by the redeem code.
    """
    if tail.topic != COMPLETION_EVENTS:
        return
    words = []
    for _, said in tail.events():
        try:
            event = EVENTS[said.type].parse(said.data)
        except (KeyError, Parked):
            continue
        words.append(Word(said.type, event.redeem_code, event.participant_id, said.data))
    await remember(tx, tail.lane, words)


async def outcomes_said(tx: Transaction, participant_ids: Collection[str]) -> dict[str, Outcome]:
    """redeem_code -> what was announced of its completion before a restore."""
    words = await recall(tx, participant_ids, *OUTCOMES)
    return {word.key: OUTCOMES[word.type].parse(word.data) for word in words}


async def ratings_said(tx: Transaction, participant_ids: Collection[str]) -> dict[str, TrainingRated]:
    """redeem_code -> the rating that was announced before a restore."""
    words = await recall(tx, participant_ids, completion.TRAINING_RATED.name)
    return {word.key: completion.TRAINING_RATED.parse(word.data) for word in words}
