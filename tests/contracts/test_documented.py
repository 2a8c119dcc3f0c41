"""The samples in docs/contracts: their events are accepted, and they open what Salur sealed."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from shared.contracts.park_reasons import ParkReason
from shared.contracts.published_files import DOCUMENT
from shared.contracts.sealed_fields import open_identity
from shared.contracts.seals import KeyRing
from shared.messaging.message import Record
from shared.messaging.transaction.decoder import DecodedRecord
from tests.builders import LATER, keys_folder, programme_keys
from tests.unit.contracts.decoding import a_decoder

TEXT = DOCUMENT.with_name("README.md").read_text()
REFERENCE = "7Q2M9K4T1B8XW3ZA"


@dataclass
class Client:
    """Stands in for both ends of a Kafka client: keeps what is sent, hands out what was put in."""

    sent: list[tuple[Any, ...]] = field(default_factory=list)
    coming: list[Any] = field(default_factory=list)

    def produce(self, *record: Any, headers: dict[str, str]) -> None:
        self.sent.append((*record, headers))

    def poll(self, _seconds: float) -> Any:
        return self.coming.pop() if self.coming else None

    def flush(self) -> None: ...

    def subscribe(self, topics: list[str]) -> None:
        assert topics == ["disbursements.gopay"]

    def commit(self, _record: Any) -> None: ...


@dataclass
class StubRecord:
    data: dict[str, Any]

    def value(self) -> bytes:
        return json.dumps(self.data).encode()

    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_type", b"salur.payment.disbursement_instructed.v1")]

    def partition(self) -> int:
        return 7


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    client = Client()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "keys").symlink_to(keys_folder())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "SALUR_KAFKA_BOOTSTRAP", "127.0.0.1:0")
    for end in ("Producer", "Consumer"):
        monkeypatch.setattr(confluent_kafka, end, lambda _settings: client)
    return client


def run(name: str) -> dict[str, Any]:
    """Execute the sample and return its names."""
    (code,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is our own
    return names


def understood(topic: str, value: str, headers: dict[str, str]) -> DecodedRecord:
    packed = tuple((name, text.encode()) for name, text in headers.items())
    return a_decoder().decode(Record(topic, 0, 0, 0, None, value.encode(), packed), LATER)


def test_documented_upstream_sample_is_accepted_and_its_seal_opens(client: Client) -> None:
    run("upstream")
    ((topic, value, _, headers),) = client.sent
    message = understood(topic, value, headers).message
    assert message
    identity = open_identity(programme_keys(), message.data)
    assert identity.birth_date == "1996-04-12"


def test_documented_partner_sample_opens_the_account_and_reports(client: Client) -> None:
    account = KeyRing.load(keys_folder() / "gopay.jwks.json").seal({"sub": REFERENCE, "number": "081200000001"})
    sample = Path(__file__).parent / "samples" / "salur.payment.disbursement_instructed.v1-disbursements.json"
    client.coming = [
        StubRecord({**json.loads(sample.read_text()), "payee": {"kind": "participant", "account": account}})
    ]
    assert run("partner")["account"] == {"sub": REFERENCE, "number": "081200000001"}
    ((topic, value, key, partition, headers),) = client.sent
    assert (topic, key, partition) == ("disbursement-reports.gopay", REFERENCE, 7)
    message = understood("disbursement-reports", value, headers).message
    assert message
    assert message.data.status == "settled"


def test_every_park_reason_is_documented() -> None:
    table = TEXT.partition("| parked as |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z0-9_]+)`", table)) == {reason.value for reason in ParkReason}
