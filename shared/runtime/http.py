"""What a service answers over HTTP: does it live, is it ready and why not, metrics, lanes, parked records, trails."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from faststream.asgi import AsgiResponse
from pydantic_core import to_json

from shared.runtime import status
from shared.runtime.database import Database, DatabaseUnavailable
from shared.runtime.definition import ServiceDefinition
from shared.runtime.readiness import EngineStatusSource, stalled_deadlines, unready_reasons
from shared.runtime.service_monitor import ServiceMonitor

LOG = structlog.get_logger()
PARTICIPANT = re.compile(r"/participants/([0-9]{16})")
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"

Answer = Callable[[], Awaitable[AsgiResponse]]


class HttpApi:
    """The routes. All but `/health/live` ask the database; without it they answer 503 and say so."""

    def __init__(
        self, definition: ServiceDefinition, database: Database, monitor: ServiceMonitor, engine: EngineStatusSource
    ) -> None:
        self._definition = definition
        self._database = database
        self._monitor = monitor
        self._engine = engine
        self._routes: dict[str, Answer] = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
            "/lanes": self._lanes,
            "/parked": self._parked,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        response = await self.answer(scope["method"], scope["path"])
        await response(scope, receive, send)

    async def answer(self, method: str, path: str) -> AsgiResponse:
        """The answer to one request; no exception leaves."""
        if method not in ("GET", "HEAD"):
            return _json({"error": "only GET is answered here"}, 405)
        participant = PARTICIPANT.fullmatch(path)
        try:
            if participant:
                return await self._participant(participant[1])
            if path in self._routes:
                return await self._routes[path]()
            if path in self._definition.views:
                return await self._view(path)
        except DatabaseUnavailable as error:
            return _json({"error": str(error)}, 503)
        except Exception as error:
            page = path if path in self._paths else "/participants"
            LOG.exception("http_failed", page=page, error=type(error).__name__)
            return _json({"error": "this question could not be answered; the log says why"}, 500)
        return _json({"error": "there is no such page", "pages": [*self._paths, "/participants/<16 digits>"]}, 404)

    @property
    def _paths(self) -> list[str]:
        return [*self._routes, *self._definition.views]

    async def _view(self, path: str) -> AsgiResponse:
        async with self._database.session() as connection:
            shown = await self._definition.views[path](connection)
        return _json({"service": self._definition.name, path.removeprefix("/"): shown})

    async def _live(self) -> AsgiResponse:
        return _json({"service": self._definition.name, "live": True})

    async def _ready(self) -> AsgiResponse:
        state = self._engine()
        reasons, degraded = unready_reasons(state), list[str]()
        try:
            await self._database.confirm()
            async with self._database.session() as connection:
                degraded = [*await status.degraded(connection), *await self._definition.degraded(connection)]
        except DatabaseUnavailable as error:
            reasons.insert(0, str(error))
        if not await self._monitor.kafka_answers():
            reasons.insert(0, "Kafka does not answer")
        degraded += status.unserved(await self._monitor.lanes_served())
        content = {
            "service": self._definition.name,
            "replica": self._definition.settings.replica,
            "ready": not reasons,
            "reasons": reasons,
            "degraded": degraded + stalled_deadlines(state),
            "partitions": len(state.assigned),
            "outage": state.outage,
            "last_batch_at": state.last_batch_at,
            "batches": state.batches,
            "records": state.records,
        }
        return _json(content, 503 if reasons else 200)

    async def _metrics(self) -> AsgiResponse:
        text = await self._monitor.scrape()
        return AsgiResponse(text, 200, {"content-type": METRICS_TYPE, "content-length": str(len(text))})

    async def _lanes(self) -> AsgiResponse:
        assigned_lanes = {place.partition for place in self._engine().assigned}
        served = await self._monitor.lanes_served()
        async with self._database.session() as connection:
            states = await status.lanes(connection)
            stopped = await status.stopped_partitions(connection)
        lanes = [
            {
                "state": status.state_of(lane.reason, served=None if served is None else lane.lane in served),
                "held_here": lane.lane in assigned_lanes,
                **_fields(lane),
            }
            for lane in states
        ]
        return _json({"service": self._definition.name, "lanes": lanes, "stopped_partitions": stopped})

    async def _parked(self) -> AsgiResponse:
        async with self._database.session() as connection:
            return _json({"service": self._definition.name, **await status.parked(connection)})

    async def _participant(self, participant_id: str) -> AsgiResponse:
        async with self._database.session() as connection:
            audit_trail = await self._definition.audit_trail(connection, participant_id)
            deferred = await status.deferred_records_of(connection, participant_id)
        if audit_trail is None and not deferred:
            return _json({"error": f"{self._definition.name} knows nothing of this participant"}, 404)
        return _json({"service": self._definition.name, "waiting": deferred, **(audit_trail or {})})


def _fields(state: status.LaneState) -> dict[str, object]:
    return {name: getattr(state, name) for name in status.LaneState.__dataclass_fields__}


def _json(content: object, code: int = 200) -> AsgiResponse:
    body = to_json(content) + b"\n"
    headers = {"content-type": "application/json", "content-length": str(len(body)), "cache-control": "no-store"}
    return AsgiResponse(body, code, headers)
