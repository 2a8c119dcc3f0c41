"""Adoption after a restore: what was announced stays as it was announced, and is not announced again."""

from typing import Any

from services.completion.handlers.announced_events import survey_key
from services.completion.handlers.outcome import complete_rejected
from shared.contracts import completion
from shared.contracts.completion import CompletionConfirmed, SurveyAnswered
from shared.contracts.park_reasons import Parked
from shared.contracts.topics import COMPLETION_EVENTS
from shared.messaging.transaction.remembered_events import RememberedEvent, remember
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction

EVENTS = {event.name: event for event in completion.EVENTS}


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Remember each event until its evidence has been read again, and take its decision over then.

    What was reopened after it had been rejected is decided by no evidence, and taken over at once. A missing event does
    no harm: its decision is made and emitted again, and readers know it by its business key.
    """
    if tail.topic != COMPLETION_EVENTS:
        return
    remembered, confirmed = list[RememberedEvent](), list[CompletionConfirmed]()
    for _, outbox_event in tail.events():
        try:
            event = EVENTS[outbox_event.type].parse(outbox_event.data)
        except (KeyError, Parked):
            continue
        if isinstance(event, CompletionConfirmed):
            confirmed.append(event)
        remembered.append(RememberedEvent(outbox_event.type, _key_of(event), event.participant_id, outbox_event.data))
    await complete_rejected(tx, tail.lane, confirmed)
    await remember(tx, tail.lane, remembered)


def _key_of(event: Any) -> str:
    """Return the business key of an event that this service announced."""
    if isinstance(event, SurveyAnswered):
        return survey_key(event.participant_id, event.survey)
    return str(event.redeem_code)
