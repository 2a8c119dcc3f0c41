"""A training was completed or rated: the next one may be bought, once both are known."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from asyncpg import Connection

from services.enrollment.handlers import ENROLLMENT, Context
from services.enrollment.handlers.settling import look_again
from services.enrollment.store.enrollment import mark_completed, mark_rated, undecided_participants
from shared.contracts import completion
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction

D = TypeVar("D", completion.CompletionConfirmed, completion.TrainingRated)
Mark = Callable[[Connection, Mapping[tuple[str, str], datetime]], Awaitable[set[str]]]


async def note_completions(
    context: Context, tx: Transaction, messages: Sequence[Message[completion.CompletionConfirmed]]
) -> None:
    await _note(context, tx, messages, mark_completed, lambda data: data.completed_at)


async def note_ratings(
    context: Context, tx: Transaction, messages: Sequence[Message[completion.TrainingRated]]
) -> None:
    await _note(context, tx, messages, mark_rated, lambda data: data.rated_at)


async def _note(
    context: Context, tx: Transaction, messages: Sequence[Message[D]], mark: Mark, happened_at: Callable[[D], datetime]
) -> None:
    """After a restore completion may speak of an enrollment that is still to be confirmed again: that waits."""
    marks: dict[tuple[str, str], datetime] = {}
    for message in messages:
        marks.setdefault((message.data.redeem_code, message.data.participant_id), happened_at(message.data))
    confirmed = await mark(tx.connection, marks)
    for message in messages:
        if message.data.redeem_code not in confirmed:
            tx.wait(message, ENROLLMENT, message.data.redeem_code)
    done = {message.data.participant_id for message in messages if message.data.redeem_code in confirmed}
    if undecided := await undecided_participants(tx.connection, done):
        await look_again(context, tx, undecided)
