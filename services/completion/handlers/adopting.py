"""After a restore: what our own topic says that we said binds us."""

from collections.abc import Sequence

from services.completion.store import insert_said
from shared.contracts import completion
from shared.contracts.topics import COMPLETION_EVENTS
from shared.messaging.page import Said
from shared.messaging.transaction import Transaction

EVENTS = {event.name: event for event in completion.EVENTS}


async def adopt(tx: Transaction, lane: int, topic: str, said: Sequence[Said], whole: bool) -> None:  # noqa: ARG001
    """Keeps each word until the evidence has been read again; then it stands as it was said.

    A hole does no harm: what is missing will be decided and said anew, and readers go by the redeem code.
    """
    if topic != COMPLETION_EVENTS:
        return
    words = [
        (EVENTS[word.type].parse(word.data).redeem_code, word.type, word.data) for word in said if word.type in EVENTS
    ]
    if words:
        await insert_said(tx.connection, words)
