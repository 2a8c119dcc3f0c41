"""The table of topics, and the lane of a participant."""

from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from aiokafka.partitioner import murmur2

from shared.contracts.fields import Partner

LANES = 12
SERVICES = ("enrollment", "completion", "payment")
PARTNERS: tuple[str, ...] = get_args(Partner)

PROGRAMME_REGISTRY = "programme.registry"
ENROLLMENT_REQUESTS = "enrollment.requests"
TRAINING_PURCHASES = "training.purchases"
TRAINING_ATTENDANCE = "training.attendance"
TRAINING_EVIDENCE = "training.evidence"
TREASURY_FUNDING = "treasury.funding"
ENROLLMENT_EVENTS = "enrollment.events"
COMPLETION_EVENTS = "completion.events"
PAYMENT_EVENTS = "payment.events"


def dead_letters(service: str) -> str:
    return f"dead-letters.{service}"


def disbursements(partner: str) -> str:
    return f"disbursements.{partner}"


def disbursement_reports(partner: str) -> str:
    return f"disbursement-reports.{partner}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. An `internal` one is written by Salur, with era and sequence; its partition is the lane."""

    name: str
    partitions: int
    internal: bool


TOPICS = (
    Topic(PROGRAMME_REGISTRY, 1, internal=False),
    Topic(ENROLLMENT_REQUESTS, LANES, internal=False),
    Topic(TRAINING_PURCHASES, LANES, internal=False),
    Topic(TRAINING_ATTENDANCE, LANES, internal=False),
    Topic(TRAINING_EVIDENCE, LANES, internal=False),
    Topic(TREASURY_FUNDING, 1, internal=False),
    Topic(ENROLLMENT_EVENTS, LANES, internal=True),
    Topic(COMPLETION_EVENTS, LANES, internal=True),
    Topic(PAYMENT_EVENTS, LANES, internal=True),
    *(Topic(dead_letters(service), LANES, internal=True) for service in SERVICES),
    *(Topic(disbursements(partner), LANES, internal=True) for partner in PARTNERS),
    *(Topic(disbursement_reports(partner), LANES, internal=False) for partner in PARTNERS),
)


@lru_cache(maxsize=200_000)
def lane_of(key: str) -> int:
    """Return the lane of a key by Java's default partitioner; cached, since murmur2 is pure Python here."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % LANES
