"""Kafka's jars, fetched once and checked against the committed digests: `python -m deploy.local.jars`."""

import fcntl
import hashlib
import shutil
from pathlib import Path
from typing import IO

import jgo

from deploy.local.paths import CACHE, DEPLOY
from shared.errors import SalurError

COORDINATES = DEPLOY / "kafka" / "jars.txt"
DIGESTS = DEPLOY / "kafka" / "jars.sha256"
# jgo's resolver keeps the first version it sees, so it gets every coordinate, the broker's first.
FIRST = "org.apache.kafka:kafka_2.13:"


class WrongDigest(SalurError):
    """A jar is missing or differs from the committed digest."""


def kafka_jars() -> Path:
    """Return the folder with exactly the jars of `deploy/kafka/jars.sha256`; fetch them the first time."""
    wanted = digests()
    version = hashlib.sha256(DIGESTS.read_bytes()).hexdigest()[:12]
    folder = CACHE / "kafka" / version
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "kafka.lock").open("w") as lock:
        _fetch(lock, wanted, folder)
    return folder


def digests() -> dict[str, str]:
    """Return the SHA-256 of each jar in hexadecimal, by file name."""
    pairs = (line.split() for line in DIGESTS.read_text().splitlines())
    return {name: digest for digest, name in pairs}


def _fetch(lock: IO[str], wanted: dict[str, str], folder: Path) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if folder.exists():
        return
    lines = sorted(COORDINATES.read_text().split(), key=lambda line: not line.startswith(FIRST))
    environment = jgo.build("+".join(lines), cache_dir=CACHE / "jgo")
    found = {jar.name: jar for jar in environment.all_jars}
    making = folder.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    for name, digest in wanted.items():
        _copy_checked(found.get(name), making / name, digest)
    # Renamed at the end, so that a folder under its final name is complete.
    making.replace(folder)


def _copy_checked(jar: Path | None, target: Path, digest: str) -> None:
    if jar is None:
        raise WrongDigest(f"{target.name} was not among the fetched jars; compare jars.txt and jars.sha256")
    content = jar.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise WrongDigest(f"{target.name} differs from the digest in jars.sha256; delete var/cache/jgo and try again")
    target.write_bytes(content)


if __name__ == "__main__":
    kafka_jars()
