"""Logs: one JSON object a line, and nothing that identifies a person."""

import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# While something cannot be reached, libraries and retries log the same many times a second.
REPEAT_SECONDS = 60.0


def configure(service: str, replica: str) -> None:
    """Log everything in this process, from any library, to standard output as JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _format_exception,
    ]
    repeats = RepeatFilter()
    structlog.configure(
        processors=[repeats.drop_repeated_outage, *shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, replica=replica)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(repeats.filter_record)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


class RepeatFilter:
    """A filter that passes the same line once a minute."""

    def __init__(self) -> None:
        self._logged_at: dict[tuple[str, str], float] = {}

    def drop_repeated_outage(self, _: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Drop an outage that was logged within the last minute."""
        if event.get("event") == "outage" and not self._first_in_interval(("outage", str(event.get("part")))):
            raise structlog.DropEvent
        return event

    def filter_record(self, record: logging.LogRecord) -> bool:
        """Drop a library's line that was logged within the last minute."""
        return self._first_in_interval((record.name, str(record.msg)[:40]))

    def _first_in_interval(self, key: tuple[str, str]) -> bool:
        now = time.monotonic()
        if now - self._logged_at.get(key, float("-inf")) < REPEAT_SECONDS:
            return False
        self._logged_at[key] = now
        return True


def _format_exception(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the traceback without local values and without the lines in which a database quotes whole rows."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        lines = "".join(traceback.format_exception(given)).splitlines()
        event["exception"] = "\n".join(line for line in lines if not line.startswith(("DETAIL:", "CONTEXT:")))
    return event
