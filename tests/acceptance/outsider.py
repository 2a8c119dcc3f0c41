"""An outside program that knows only the contract: another Kafka client, another JOSE library, no code of ours."""

import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from jwcrypto import jwe, jwk

DEADLINE_SECONDS = 60.0
PARTITIONS = 12


@dataclass
class Outsider:
    """Upstream systems and a payment partner in one, as the contract describes them."""

    bootstrap: str
    keys: Path
    _producer: Producer = field(init=False)
    _consumers: dict[str, Consumer] = field(default_factory=dict)
    _read: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "acks": "all"})

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()

    def seal(self, owner: str, kid: str, claims: Mapping[str, str]) -> str:
        key = self._key(owner, kid)
        header = json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid})
        token = jwe.JWE(json.dumps(claims).encode(), protected=header)
        token.add_recipient(key)
        return str(token.serialize(compact=True))

    def open(self, owner: str, token: str) -> dict[str, str]:
        opened = jwe.JWE()
        opened.deserialize(token)
        opened.decrypt(self._key(owner, str(opened.jose_header["kid"])))
        claims: dict[str, str] = json.loads(opened.payload)
        return claims

    def _key(self, owner: str, kid: str) -> jwk.JWK:
        for key in json.loads((self.keys / f"{owner}.jwks.json").read_text())["keys"]:
            if key["kid"] == kid:
                return jwk.JWK(**key)
        raise LookupError(f"{owner} has no key {kid}")

    def send(
        self,
        topic: str,
        source: str,
        kind: str,
        key: str,
        data: Mapping[str, object],
        *,
        partition: int | None = None,
        structured: bool = False,
    ) -> str:
        """Send one CloudEvent; return its id."""
        attributes = self._attributes(source, kind)
        if structured:
            headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
            value = json.dumps({**attributes, "datacontenttype": "application/json", "data": data})
        else:
            headers = self._headers(attributes)
            value = json.dumps(data)
        self._produce(topic, key, value.encode(), headers, partition)
        return attributes["id"]

    def send_bytes(
        self, topic: str, source: str, kind: str, value: bytes | None, *, without: Collection[str] = ()
    ) -> str:
        """Send these bytes under the headers of a CloudEvent, without some of them; return its id."""
        attributes = self._attributes(source, kind)
        headers = {name: text for name, text in self._headers(attributes).items() if name not in without}
        self._produce(topic, "", value, headers, None)
        return attributes["id"]

    @staticmethod
    def _attributes(source: str, kind: str) -> dict[str, str]:
        time_of_record = "2023-03-20T00:00:00Z"
        return {"specversion": "1.0", "id": uuid.uuid4().hex, "source": source, "type": kind, "time": time_of_record}

    @staticmethod
    def _headers(attributes: Mapping[str, str]) -> dict[str, str]:
        return {f"ce_{name}": text for name, text in attributes.items()} | {"content-type": "application/json"}

    def _produce(
        self, topic: str, key: str, value: bytes | None, headers: Mapping[str, str], partition: int | None
    ) -> None:
        anywhere = -1
        place = anywhere if partition is None else partition
        self._producer.produce(topic, value, key.encode(), place, headers=list(headers.items()))
        self._producer.flush(10)

    def await_event(
        self, topic: str, wanted: Callable[[str, dict[str, Any]], bool], what: str
    ) -> tuple[Any, dict[str, Any]]:
        """Return (record, data) of the first record, read before or new, whose type and data are wanted."""
        consumer = self._consumer(topic)
        read = self._read.setdefault(topic, [])
        deadline = time.monotonic() + DEADLINE_SECONDS
        seen = 0
        while time.monotonic() < deadline:
            for record in read[seen:]:
                data = json.loads(record.value())
                if wanted(dict(record.headers())["ce_type"].decode(), data):
                    return record, data
            seen = len(read)
            read.extend(record for record in consumer.consume(500, 0.2) if record.error() is None)
        raise AssertionError(f"not emitted on {topic} within {DEADLINE_SECONDS} s: {what}")

    def read_on(self, topic: str) -> list[Any]:
        """Return the records of a topic that were not read before; the first call begins at its start."""
        return [record for record in self._consumer(topic).consume(500, 0.2) if record.error() is None]

    def _consumer(self, topic: str) -> Consumer:
        if topic not in self._consumers:
            consumer = Consumer(
                {
                    "bootstrap.servers": self.bootstrap,
                    "group.id": f"outsider-{uuid.uuid4().hex}",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                }
            )
            consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
            self._consumers[topic] = consumer
        return self._consumers[topic]
