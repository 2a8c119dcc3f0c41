"""Servers in containers, for machines that have Docker and cannot run the local processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.local.ports import LOOPBACK, free_port

KAFKA_IMAGE = "apache/kafka:4.1.1"
POSTGRES_IMAGE = "postgres:18"


@dataclass(frozen=True, slots=True)
class ContainerKafka:
    """A broker in a container, on a fixed port of this machine."""

    bootstrap: str
    container: DockerContainer

    def restart(self) -> None:
        self.container.get_wrapped_container().restart()


@contextmanager
def kafka_container() -> Iterator[ContainerKafka]:
    """Run a broker that advertises its port on this machine."""
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in _kafka_environment(port).items():
        container.with_env(name, value)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    with container:
        yield ContainerKafka(f"{LOOPBACK}:{port}", container)


@contextmanager
def postgres_container(password: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run a server; yield the superuser's URL and a function that restarts the server."""
    port = free_port()
    container = DockerContainer(POSTGRES_IMAGE).with_bind_ports(5432, port)
    container.with_env("POSTGRES_PASSWORD", password)
    # The image first starts a server for its own set-up, which does not listen on the network.
    container.waiting_for(LogMessageWaitStrategy("listening on IPv4 address"))
    with container:
        url = f"postgresql://postgres:{password}@{LOOPBACK}:{port}/postgres"
        yield url, lambda: container.get_wrapped_container().restart()


def _kafka_environment(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
