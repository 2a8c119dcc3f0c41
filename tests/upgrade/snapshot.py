"""Layout of a kept installation in a folder, as the version that made it left it behind."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from deploy.local.kafka import Kafka
from deploy.local.keys import password
from deploy.local.postgres import SUPERUSER, Postgres, binaries

KEPT = Path(__file__).parent / "kept"
SECONDS = 30
# Settings of the first version's topics, but with endless retention, since the records are old whenever the test runs.
TOPIC = {"message.timestamp.type": "CreateTime", "retention.ms": "-1", "max.message.bytes": "2097152"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kept installation: its folder, people by their state, settings, and the programme's time at the end."""

    folder: Path
    people: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, str]
    taken_at: datetime


def load_snapshot(commit: str) -> Snapshot:
    """Return the installation that this commit left behind."""
    folder = KEPT / commit
    index = json.loads((folder / "index.json").read_text())
    return Snapshot(folder, index["people"], index["settings"], datetime.fromisoformat(index["taken_at"]))


def lay_out(kept: Snapshot, folder: Path) -> None:
    """Fill `folder` with keys, Kafka, PostgreSQL and clock of a kept installation; leave nothing running."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(kept.folder / "keys", folder / "keys", copy_function=_copy_secret)
    offset = int((kept.taken_at - datetime.now(UTC)).total_seconds())
    (folder / "clock-offset").write_text(f"{offset}\n")
    dump = _unpack(kept.folder / "postgres.sql.gz")
    _fill_postgres(Postgres(folder / "postgres", password=password(folder / "keys", SUPERUSER)), dump)
    partitions = [json.loads(line) for line in _unpack(kept.folder / "kafka.jsonl.gz").splitlines()]
    _fill_kafka(Kafka(folder / "kafka"), partitions)


def _copy_secret(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    Path(target).chmod(0o600)
    return target


def _fill_postgres(server: Postgres, dump: bytes) -> None:
    server.start()
    try:
        command = [str(binaries() / "psql"), f"--dbname={server.url()}", "--quiet", "--set=ON_ERROR_STOP=1"]
        subprocess.run(command, input=dump, check=True, stdout=subprocess.DEVNULL)
    finally:
        server.stop()


def _fill_kafka(broker: Kafka, partitions: list[dict[str, Any]]) -> None:
    """Write every record at its former offset and with its former timestamp."""
    names = sorted({partition["topic"] for partition in partitions})
    counts = {name: sum(partition["topic"] == name for partition in partitions) for name in names}
    broker.start()
    try:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        new = [NewTopic(name, counts[name], 1, config=TOPIC) for name in names]
        for made in admin.create_topics(new, operation_timeout=SECONDS).values():
            made.result(SECONDS)
        _produce(broker.bootstrap, partitions)
        resources = [_by_the_brokers_clock(name) for name in names]
        for altered in admin.incremental_alter_configs(resources).values():
            altered.result(SECONDS)
    finally:
        broker.stop()


def _produce(bootstrap: str, partitions: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    for partition in partitions:
        for record in partition["records"]:
            producer.produce(
                partition["topic"],
                _bytes(record["value"]),
                _bytes(record["key"]),
                partition["partition"],
                timestamp=record["timestamp"],
                headers=[(name, _bytes(value)) for name, value in record["headers"]],
            )
    assert producer.flush(SECONDS) == 0


def _by_the_brokers_clock(topic: str) -> ConfigResource:
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _unpack(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())
