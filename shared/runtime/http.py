"""The operators' HTTP API: health, metrics, lanes, parked and deferred records, and all of a participant."""

from collections.abc import Callable
from typing import Any

import structlog
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from shared.clock import Clock
from shared.contracts.fields import PARTICIPANT_ID
from shared.runtime import status
from shared.runtime.database import Database, DatabaseUnavailable
from shared.runtime.definition import ServiceDefinition
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import explanation_of
from shared.runtime.gauge_collector import GaugeCollector
from shared.runtime.kafka_probe import KafkaProbe
from shared.runtime.readiness import EngineStatusSource, stalled_deadlines, unready_reasons

LOG = structlog.get_logger()
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


class ParticipantConvertor(StringConvertor):
    """A participant's number in a path: sixteen digits."""

    regex = PARTICIPANT_ID


register_url_convertor("participant", ParticipantConvertor())


class ApiResponse(JSONResponse):
    """One line of JSON that no cache may keep."""

    def __init__(self, content: object, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"cache-control": "no-store"})

    def render(self, content: Any) -> bytes:
        return to_json(content) + b"\n"


class HttpApi:
    """The handlers of a service's routes.

    All but `/health/live` ask the database. If it cannot be asked they answer 503 with the reason.
    """

    def __init__(
        self,
        definition: ServiceDefinition,
        database: Database,
        gauges: GaugeCollector,
        kafka: KafkaProbe,
        engine: EngineStatusSource,
        notices: Callable[[], list[str]] = list,
    ) -> None:
        self._definition = definition
        self._database = database
        self._gauges = gauges
        self._kafka = kafka
        self._engine = engine
        self._notices = notices
        self._pages = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
            "/lanes": self._lanes,
            "/parked": self._parked,
            "/waiting": self._waiting,
            **dict.fromkeys(definition.views, self._view),
        }

    def application(self, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
        """Return the ASGI application of these routes; no exception of a handler leaves it."""
        app = Starlette(
            routes=[
                *(Route(path, page) for path, page in self._pages.items()),
                Route("/participants/{participant_id:participant}", self._participant),
                Route("/participants/{participant_id:participant}/explain", self._explain),
            ],
            exception_handlers={HTTPException: self._no_route, DatabaseUnavailable: self._unavailable},
            # Starlette raises again what its own handler of Exception has answered; this one answers for good.
            middleware=[Middleware(ExceptionMiddleware, handlers={Exception: self._failed})],
            lifespan=lifespan,
        )
        app.router.redirect_slashes = False
        return app

    async def _no_route(self, request: Request, _: Exception) -> ApiResponse:
        if request.method not in ("GET", "HEAD"):
            return ApiResponse({"error": "only GET is answered here"}, 405)
        pages = [*self._pages, "/participants/<16 digits>", "/participants/<16 digits>/explain"]
        return ApiResponse({"error": "there is no such page", "pages": pages}, 404)

    async def _unavailable(self, _: Request, error: Exception) -> ApiResponse:
        return ApiResponse({"error": str(error)}, 503)

    async def _failed(self, request: Request, error: Exception) -> ApiResponse:
        page = request.scope["route"].path.partition("/{")[0]
        LOG.error("http_failed", page=page, error=type(error).__name__, exc_info=error)
        return ApiResponse({"error": "this question could not be answered; the log says why"}, 500)

    async def _view(self, request: Request) -> ApiResponse:
        path = request.scope["route"].path
        async with self._database.session() as connection:
            shown = await self._definition.views[path](connection)
        return ApiResponse({"service": self._definition.name, path.removeprefix("/"): shown})

    async def _live(self, _: Request) -> ApiResponse:
        return ApiResponse({"service": self._definition.name, "live": True})

    async def _ready(self, _: Request) -> ApiResponse:
        state = self._engine()
        reasons, degraded = unready_reasons(state), list[str]()
        try:
            await self._database.confirm()
            async with self._database.session() as connection:
                degraded = [*await status.degraded(connection), *await self._definition.degraded(connection)]
        except DatabaseUnavailable as error:
            reasons.insert(0, str(error))
        if not await self._kafka.answers():
            reasons.insert(0, "Kafka does not answer")
        degraded += status.unserved(await self._kafka.lanes_served())
        content = {
            "service": self._definition.name,
            "replica": self._definition.settings.replica,
            "ready": not reasons,
            "reasons": reasons,
            "degraded": degraded + stalled_deadlines(state) + self._notices(),
            "partitions": len(state.assigned),
            "outage": state.outage,
            "last_batch_at": state.last_batch_at,
            "batches": state.batches,
            "records": state.records,
        }
        return ApiResponse(content, 503 if reasons else 200)

    async def _metrics(self, _: Request) -> Response:
        text = await self._gauges.scrape()
        return Response(text, headers={"content-type": METRICS_TYPE})

    async def _lanes(self, _: Request) -> ApiResponse:
        assigned_lanes = {place.partition for place in self._engine().assigned}
        served = await self._kafka.lanes_served()
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
        return ApiResponse({"service": self._definition.name, "lanes": lanes, "stopped_partitions": stopped})

    async def _parked(self, _: Request) -> ApiResponse:
        async with self._database.session() as connection:
            return ApiResponse({"service": self._definition.name, **await status.parked(connection)})

    async def _waiting(self, _: Request) -> ApiResponse:
        async with self._database.session() as connection:
            shown = await status.waiting(connection, Clock.from_environment().now())
        return ApiResponse({"service": self._definition.name, "waiting": shown})

    async def _participant(self, request: Request) -> ApiResponse:
        participant_id = request.path_params["participant_id"]
        async with self._database.session() as connection:
            audit_trail = await self._definition.audit_trail(connection, participant_id)
            deferred = await status.deferred_records_of(connection, participant_id)
        if audit_trail is None and not deferred:
            return self._unknown_participant()
        return ApiResponse({"service": self._definition.name, "waiting": deferred, **(audit_trail or {})})

    async def _explain(self, request: Request) -> ApiResponse:
        participant_id = request.path_params["participant_id"]
        async with self._database.session() as connection:
            decisions = await explain_participant(self._definition, connection, participant_id)
        if not decisions:
            return self._unknown_participant()
        return ApiResponse(explanation_of(self._definition.name, participant_id, decisions))

    def _unknown_participant(self) -> ApiResponse:
        return ApiResponse({"error": f"{self._definition.name} knows nothing of this participant"}, 404)


def _fields(state: status.LaneState) -> dict[str, object]:
    return {name: getattr(state, name) for name in status.LaneState.__dataclass_fields__}
