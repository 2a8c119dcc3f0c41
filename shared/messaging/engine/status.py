"""The state of an engine, as its own process knows it."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from aiokafka import TopicPartition

from shared.messaging.reading.watermark import HeldUp

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The state that only the process itself knows; everything else is read from the tables.

    `positioned`: reading goes on at the positions that were found. `outage` is None while all infrastructure answers.
    `batches` and `records` count what was committed since the start, `sweeps` the rounds of the sweeper.
    """

    assigned: frozenset[TopicPartition] = frozenset()
    positioned: bool = False
    publishing: bool = False
    outage: str | None = None
    sweeps: int = 0
    held_up: tuple[HeldUp, ...] = ()
    last_batch_at: datetime | None = None
    batches: int = 0
    records: int = 0


class OutageMonitor:
    """The outage under way, if there is one: reported until it is over, and retried until then."""

    def __init__(self) -> None:
        self._current: str | None = None

    @property
    def current(self) -> str | None:
        return self._current

    def note(self, part: str, error: Exception) -> None:
        """Report that infrastructure has failed in this part of the engine."""
        self._current = f"{part}: {error!r}"
        LOG.warning("outage", part=part, error=repr(error))

    def end(self) -> None:
        """Report that infrastructure works again."""
        if self._current is not None:
            LOG.info("outage_over", was=self._current)
            self._current = None
