"""Events that were announced before a restore, as the handlers recall them before they decide."""

from collections.abc import Collection, Sequence
from typing import Any

from shared.contracts import completion
from shared.contracts.completion import CompletionConfirmed, CompletionRejected, CompletionRevoked, TrainingRated
from shared.contracts.events import EventType
from shared.messaging.transaction.remembered_events import recall, recall_parsed
from shared.messaging.transaction.transaction import Transaction

OutcomeEvent = CompletionConfirmed | CompletionRejected

OUTCOMES: Sequence[EventType[Any]] = (completion.COMPLETION_CONFIRMED, completion.COMPLETION_REJECTED)


def survey_key(participant_id: str, survey: int) -> str:
    return f"{participant_id}/{survey}"


async def load_announced_outcomes(tx: Transaction, participant_ids: Collection[str]) -> dict[str, OutcomeEvent]:
    """Return the last outcomes that were announced before a restore, by redeem code.

    Of two, the confirmation was the last: a rejected training may be reopened, a completed one is never rejected.
    """
    remembered = await recall_parsed(tx, participant_ids, *OUTCOMES)
    remembered.sort(key=lambda one: isinstance(one.data, CompletionConfirmed))
    return {one.key: one.data for one in remembered}


async def load_announced_ratings(tx: Transaction, participant_ids: Collection[str]) -> dict[str, TrainingRated]:
    """Return the ratings that were announced before a restore, by redeem code."""
    return {one.key: one.data for one in await recall_parsed(tx, participant_ids, completion.TRAINING_RATED)}


async def load_announced_surveys(tx: Transaction, participant_ids: Collection[str]) -> set[str]:
    """Return the keys of the surveys that were announced before a restore."""
    return {one.key for one in await recall(tx, participant_ids, completion.SURVEY_ANSWERED.name)}


async def load_announced_revocations(tx: Transaction, participant_ids: Collection[str]) -> dict[str, CompletionRevoked]:
    """Return the revocations of completions that were announced before a restore, by redeem code."""
    return {one.key: one.data for one in await recall_parsed(tx, participant_ids, completion.COMPLETION_REVOKED)}
