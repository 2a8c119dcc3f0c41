"""Make `kept/89301be`: an installation of that commit with people in every state, which later versions must upgrade.

Run it with the code and the contract of that commit: copy this folder into a checkout of it, then

    python -m tests.upgrade.snapshot_maker <folder to write>
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from deploy.local.installation import Installation
from deploy.local.postgres import binaries
from tests.upgrade.population import Population

NOW = datetime(2023, 3, 20, tzinfo=UTC)
SETTINGS = {f"{service}_SWEEP_EVERY_SECONDS": "0.5" for service in ("ENROLLMENT", "COMPLETION", "PAYMENT")} | {
    "PAYMENT_APPROVAL_ABOVE_RUPIAH": "2000000"
}


def write(
    installation: Installation,
    people: Mapping[str, Mapping[str, str]],
    settings: Mapping[str, str],
    folder: Path,
) -> None:
    """Write keys, topics, database and the index of people."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(installation.keys, folder / "keys", ignore=_folders, dirs_exist_ok=True)
    records = _records(installation.kafka.bootstrap)
    _write(folder / "kafka.jsonl.gz", "".join(json.dumps(record) + "\n" for record in records))
    _write(folder / "postgres.sql.gz", _dump(installation))
    offset = int(installation.clock_file.read_text())
    taken_at = datetime.now(UTC) + timedelta(seconds=offset)
    index = {"taken_at": taken_at.isoformat(), "people": people, "settings": settings}
    (folder / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def _folders(folder: str, names: list[str]) -> list[str]:
    """Return the names of folders: each process has one with links to its keys, which are made again."""
    return [name for name in names if (Path(folder) / name).is_dir()]


def _write(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _records(bootstrap: str) -> list[dict[str, Any]]:
    """Return every record of every topic of Salur, partition by partition, with bytes in base64."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "keep", "enable.auto.commit": False})
    found = []
    for name, topic in sorted(consumer.list_topics(timeout=10).topics.items()):
        for partition in [] if name.startswith("__") else sorted(topic.partitions):
            place = TopicPartition(name, partition, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            found.append({"topic": name, "partition": partition, "records": _read(consumer, place, end)})
    consumer.close()
    return found


def _read(consumer: Consumer, place: TopicPartition, end: int) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = []
    consumer.assign([place])
    while len(read) < end:
        record = consumer.poll(5)
        assert record is not None, f"{place}: {len(read)} of {end}"
        assert record.error() is None, f"{place}: {record.error()}"
        assert record.offset() == len(read), f"{place} has no record at {len(read)}"
        headers = [(name, _text(value)) for name, value in list(record.headers() or [])]
        fields = {"key": _text(record.key()), "value": _text(record.value()), "headers": headers}
        read.append({"timestamp": record.timestamp()[1], **fields})
    return read


def _text(value: Any) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _dump(installation: Installation) -> str:
    """Return a dump of the roles with their passwords and of the database with its owners."""
    url = installation.postgres_url
    environment = {"PATH": os.environ["PATH"]}

    def run(program: str, *options: str) -> str:
        command = [str(binaries() / program), f"--dbname={url}", *options]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    roles = run("pg_dumpall", "--roles-only").splitlines()
    kept = [line for line in roles if line.startswith(("CREATE ROLE", "ALTER ROLE")) and " postgres" not in line]
    return "\n".join(kept) + "\n" + run("pg_dump", "--create")


def main(folder: Path) -> None:
    """Play the programme in an installation of its own and write what it leaves."""
    own = Path(tempfile.mkdtemp(prefix="salur-keep-"))
    installation = Installation(own, settings=SETTINGS)
    installation.set_clock(NOW)
    try:
        installation.start()
        population = Population(installation)
        for part in (
            population.open_the_programme,
            population.pay_in_every_way,
            population.hold_in_every_way,
            population.lose_an_incentive,
            population.stop_half_way,
            population.break_rules,
            population.leave_a_page_unpublished,
        ):
            part()
        for service in installation.services.values():
            service.kill()
        population.leave_records_unread()
        write(installation, population.index, SETTINGS, folder)
        population.outside.close()
    finally:
        installation.stop()
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
