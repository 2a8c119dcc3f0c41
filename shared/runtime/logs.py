"""Logs: one JSON object a line, few words, and nothing that a person could be known by."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# They speak once per batch or connection; what they have to say at WARNING is enough.
CHATTERERS = ("faststream", "aiokafka", "asyncio", "uvicorn", "uvicorn.error", "uvicorn.access")


def configure(service: str, replica: str) -> None:
    """Everything this process logs, from whatever library, goes to standard output as JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _format_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
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
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in CHATTERERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _format_exception(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A traceback without local values, and without the lines in which a database quotes whole rows."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        lines = "".join(traceback.format_exception(given)).splitlines()
        event["exception"] = "\n".join(line for line in lines if not line.startswith(("DETAIL:", "CONTEXT:")))
    return event
