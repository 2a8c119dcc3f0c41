"""Bounds of HTTP connections: their number, and the time that a request and its answer may take."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 200
REQUEST_SECONDS = 10.0
ANSWER_SECONDS = 60.0


class BoundedProtocol(H11Protocol):
    """Ends a connection whose request is not complete within 10 s, or whose answer is not taken within a minute.

    If more than 200 are open, the oldest without a complete request is closed, so that incomplete requests, however
    many, keep no other out.
    """

    opened_at: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection; close another if there are too many."""
        super().connection_made(transport)
        self.opened_at = self.loop.time()
        self._set_deadline(REQUEST_SECONDS)
        if len(self.connections) > MOST:
            idle = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one.is_answering]
            min(idle, key=lambda one: one.opened_at, default=self).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._set_deadline(None)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._set_deadline(REQUEST_SECONDS)
        super().on_response_complete()

    @property
    def is_answering(self) -> bool:
        """True while a complete request is not answered yet."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._on_deadline, seconds)

    def _on_deadline(self, waited: float) -> None:
        if self.is_answering and waited < ANSWER_SECONDS:
            self._set_deadline(ANSWER_SECONDS)
        else:
            self.transport.abort()
