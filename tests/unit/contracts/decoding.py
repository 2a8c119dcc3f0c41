"""A reader of every topic that outsiders write to, with handlers that are never called."""

from collections.abc import Sequence
from typing import Any

from shared.contracts import partner, upstream
from shared.messaging.message import Message
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.subscription import Source, Subscription
from shared.messaging.transaction.transaction import Transaction
from tests.builders import LATER, Event

INBOUND = (*upstream.EVENTS, *partner.EVENTS)


async def never_called(_tx: Transaction, _messages: Sequence[Message[Any]]) -> None:
    raise AssertionError


def a_decoder(*events: Any, parks_malformed: bool = True) -> Decoder:
    """Return a reader of the topics of these types, by default of all inbound types."""
    types = events or INBOUND
    topics = dict.fromkeys(event.topic for event in types)
    return Decoder(
        Source(
            topic,
            tuple(Subscription(event, never_called) for event in types if event.topic == topic),
            parks_malformed=parks_malformed,
        )
        for topic in topics
    )


DECODER = a_decoder()


def park_answer(event: Event, value: bytes | None = None, headers: Any = None) -> tuple[str, str]:
    """(code, detail) under which the record is parked, ("", "") when it is understood.

    `value` and `headers` stand in for those of the event.
    """
    record = event.record()
    if value is not None:
        record = record._replace(value=value)
    if headers is not None:
        record = record._replace(headers=tuple(headers))
    return park_answer_to_record(record)


def park_answer_to_record(record: Any) -> tuple[str, str]:
    item = DECODER.decode(record, LATER)
    if item.refusal is None:
        assert item.message is not None
        return ("", "")
    assert item.message is None
    return (item.refusal.reason.value, item.refusal.detail)
