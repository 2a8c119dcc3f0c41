"""programme.registry has two readers, and each record that breaks a rule is parked by one of them."""

import pytest

from shared.contracts import upstream
from shared.messaging.message import Record
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.subscription import Source, Subscription
from tests.builders import LATER, a_provider, a_wave
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
