"""Topics with two readers, and types on two topics: each record is read, and parked, by exactly one."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.contracts import upstream
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from shared.messaging.message import Message, Record
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.subscription import Source, Subscription
from shared.messaging.transaction.transaction import Transaction
from tests.builders import LATER, Event, a_provider, a_wave
from tests.unit.contracts.decoding import never_called

TOPIC = "programme.registry"


def decoder(handled: str, *, parks_malformed: bool) -> Decoder:
    """One that handles this type, and knows the other."""
    types = (upstream.WAVE_OPENED, upstream.PROVIDER_REGISTERED)
    subscriptions = (Subscription(event, never_called if event.name == handled else None) for event in types)
    return Decoder([Source(TOPIC, tuple(subscriptions), parks_malformed=parks_malformed)])


DECODERS = {
    "enrollment": decoder(upstream.WAVE_OPENED.name, parks_malformed=True),
    "payment": decoder(upstream.PROVIDER_REGISTERED.name, parks_malformed=False),
}
WAVE, PROVIDER = a_wave(), a_provider()


@pytest.mark.parametrize(
    ("record", "parks"),
    [
        (WAVE.record()._replace(value=None), "enrollment"),
        (WAVE.record()._replace(headers=()), "enrollment"),
        (PROVIDER.record()._replace(value=b"{"), "enrollment"),
        (PROVIDER.record()._replace(value=b'{"a":1,"a":2}'), "enrollment"),
        (WAVE.with_data(quota=0).record(), "enrollment"),
        (PROVIDER.with_data(version=0).record(), "payment"),
        (PROVIDER.with_data(account="none").record(), "payment"),
    ],
)
def test_malformed_record_is_parked_by_one_decoder(record: Record, parks: str) -> None:
    refusals = {name: intake.decode(record, LATER).refusal for name, intake in DECODERS.items()}
    assert [name for name, refusal in refusals.items() if refusal] == [parks]


def test_well_formed_record_goes_to_its_handler() -> None:
    for event, handler in ((WAVE, "enrollment"), (PROVIDER, "payment")):
        items = {name: intake.decode(event.record(), LATER) for name, intake in DECODERS.items()}
        assert [name for name, item in items.items() if item.message] == [handler]
        assert not any(item.refusal for item in items.values())


async def on_attendance(_: Transaction, __: Sequence[Message[Any]]) -> None: ...


async def on_evidence(_: Transaction, __: Sequence[Message[Any]]) -> None: ...


def test_deferred_record_of_a_type_on_two_topics_is_read_as_its_topics_own() -> None:
    """A type that moved is read from its former topic too; one that stands on both is not another topic's there."""
    attended = Subscription(upstream.SESSION_ATTENDED, on_attendance)
    both = Decoder(
        [
            Source(
                TRAINING_ATTENDANCE,
                (attended, Subscription(upstream.ATTENDANCE_REVOKED, on_attendance)),
                formerly=TRAINING_EVIDENCE,
            ),
            Source(TRAINING_EVIDENCE, (Subscription(upstream.EVIDENCE_REVOKED, on_evidence),)),
        ]
    )
    data = {
        "participant_id": "4810000000000017",
        "redeem_code": "PRAT0AB12CD3",
        "evidence": {"source": "/attendance/face", "id": "e-1"},
        "reason": "face_fraud",
        "revoked_at": "2023-03-05T06:00:00Z",
    }
    revocation = Event(upstream.EVIDENCE_REVOKED, data, "/attendance/audit", "4810000000000017", "r-1")
    for topic, handler in ((TRAINING_ATTENDANCE, on_attendance), (TRAINING_EVIDENCE, on_evidence)):
        message = both.decode_deferred(revocation.record()._replace(topic=topic), LATER).message
        assert message is not None
        assert both.handler(message) is handler
