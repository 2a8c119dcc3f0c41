"""Facts that move between the models: what upstream reports, and what a service announces."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.completion.domain.rule import CompletionRule
from services.enrollment.domain.purchase import Purchase
from services.payment.domain.entitlement import Entitlement

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PERSON, PROVIDER, WAVE = "4810000000000017", "LP0001", "48"
PROVIDER_ACCOUNT = "account of the provider"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
"""The time at which everything is read: long after it happened, so that no deadline acts before all is read."""


class Fact(NamedTuple):
    """One event: its kind, the training that it is about, its time, and its id.

    `number`: a session, a survey, or a version. `detail`: the proof of a session, or the id of a revoked event.
    """

    kind: str
    code: str
    at: datetime
    id: str = ""
    number: int = 0
    detail: str = ""


class Terms(NamedTuple):
    """Purchase of a training, and what enrollment announces when it confirms it."""

    purchase: Purchase
    course: str
    rule: CompletionRule
    entitlements: tuple[Entitlement, ...]
    clawback_days: int
