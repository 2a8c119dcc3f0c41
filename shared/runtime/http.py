"""The operators' HTTP API: health, metrics, lanes, records, participants, and a service's views and commands."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from pydantic_core import to_json
from starlette import status as status_codes
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
from shared.errors import NotFound, Refused, SamePerson, Stale
from shared.runtime import status
from shared.runtime.commands import Command, CommandDesk, read_body
from shared.runtime.database import Database, DatabaseUnavailable
from shared.runtime.definition import ServiceDefinition
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import explanation_of
from shared.runtime.gauge_collector import GaugeCollector
from shared.runtime.kafka_probe import KafkaProbe
from shared.runtime.readiness import EngineStatusSource, stalled_deadlines, unready_reasons
from shared.runtime.tokens import Holder, Role, Tokens

LOG = structlog.get_logger()
# The realm of RFC 6750; its error words follow.
CHALLENGE = 'Bearer realm="salur"'
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"

Page = Callable[[Request], Awaitable[Response]]


class ParticipantConvertor(StringConvertor):
    """A participant's number in a path: sixteen digits."""

    regex = PARTICIPANT_ID


register_url_convertor("participant", ParticipantConvertor())


class ApiResponse(JSONResponse):
    """One line of JSON that no cache may keep."""

    def __init__(self, content: object, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code, headers={"cache-control": "no-store", **(headers or {})})

    def render(self, content: Any) -> bytes:
        return to_json(content) + b"\n"


class HttpApi:
    """The handlers of a service's routes.

    All but `/health/live` ask the database. If it cannot be asked they answer 503 with the reason. Views, explanations
    and commands take a bearer token, and the role that they need.
    """

    def __init__(
        self,
        definition: ServiceDefinition,
        database: Database,
        gauges: GaugeCollector,
        kafka: KafkaProbe,
        engine: EngineStatusSource,
        tokens: Tokens,
        desk: CommandDesk,
        notices: Callable[[], list[str]] = list,
    ) -> None:
        self._definition = definition
        self._database = database
        self._gauges = gauges
        self._kafka = kafka
        self._engine = engine
        self._tokens = tokens
        self._desk = desk
        self._notices = notices
        self._commands: dict[str, dict[str, Command]] = defaultdict(dict)
        for command in definition.commands:
            self._commands[command.path][command.method] = command
        self._pages: dict[str, Page] = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
            "/lanes": self._lanes,
            "/parked": self._parked,
            "/waiting": self._for_viewers(self._waiting),
            **dict.fromkeys(definition.views, self._for_viewers(self._view)),
        }

    def application(self, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
        """Return the ASGI application of these routes; no exception of a handler leaves it."""
        app = Starlette(
            routes=[
                *(Route(path, page) for path, page in self._pages.items()),
                Route("/participants/{participant_id:participant}", self._participant),
                Route("/participants/{participant_id:participant}/explain", self._for_viewers(self._explain)),
                *(Route(path, self._command, methods=list(by)) for path, by in self._commands.items()),
            ],
            exception_handlers={HTTPException: self._refused, DatabaseUnavailable: self._unavailable},
            # Starlette raises again what its own handler of Exception has answered; this one answers for good.
            middleware=[Middleware(ExceptionMiddleware, handlers={Exception: self._failed})],
            lifespan=lifespan,
        )
        app.router.redirect_slashes = False
        return app

    async def _refused(self, request: Request, error: Exception) -> ApiResponse:
        """Answer what no route takes, or what a route has refused."""
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == status_codes.HTTP_405_METHOD_NOT_ALLOWED:
            return _other_methods(error.headers or {})
        if error.status_code != status_codes.HTTP_404_NOT_FOUND:
            LOG.info("http_refused", page=_page(request), status=error.status_code)
            return ApiResponse({"error": error.detail}, error.status_code, error.headers)
        if request.method not in ("GET", "HEAD"):
            return _other_methods({})
        pages = [*self._pages, "/participants/<16 digits>", "/participants/<16 digits>/explain"]
        return ApiResponse({"error": "there is no such page", "pages": pages}, 404)

    async def _unavailable(self, _: Request, error: Exception) -> ApiResponse:
        return ApiResponse({"error": str(error)}, 503)

    async def _failed(self, request: Request, error: Exception) -> ApiResponse:
        LOG.error("http_failed", page=_page(request), error=type(error).__name__, exc_info=error)
        return ApiResponse({"error": "this question could not be answered; the log says why"}, 500)

    async def _view(self, request: Request) -> ApiResponse:
        path = request.scope["route"].path
        async with self._database.session() as connection:
            shown = await self._definition.views[path](connection)
        return ApiResponse({"service": self._definition.name, path.removeprefix("/"): shown})

    def _for_viewers(self, page: Page) -> Page:
        """Return the page for those whose token may read."""

        async def guarded(request: Request) -> Response:
            self._holder(request, Role.VIEWER)
            return await page(request)

        return guarded

    def _holder(self, request: Request, role: Role) -> Holder:
        """Return who asks; raise HTTPException with 401 or 403 unless their token covers the role."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("this takes a token: send it as `Authorization: Bearer`", "")
        holder = self._tokens.holder_of(token.strip())
        if holder is None:
            sentence = "this token is not known, or no longer" if self._tokens.holders else "no token is known here"
            raise _unauthorized(sentence, ', error="invalid_token"')
        if not holder.role.covers(role):
            challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{role}"'
            sentence = f"this takes the role {role}, and the token gives {holder.role}"
            raise HTTPException(403, sentence, {"www-authenticate": challenge})
        return holder

    async def _command(self, request: Request) -> ApiResponse:
        command = self._commands[request.scope["route"].path][request.method]
        holder = self._holder(request, command.role)
        body = await read_body(request, command.body)
        outcome = await self._desk.execute(command, holder, request.path_params, body)
        if isinstance(outcome, Refused):
            return _refusal(outcome)
        content = {
            "service": self._definition.name,
            "changed": outcome.changed,
            "awaits_second": outcome.awaits_second,
            "done": outcome.sentence,
        }
        return ApiResponse(content, 202 if outcome.awaits_second else 200)

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


def _page(request: Request) -> str:
    """Return the path of a route as far as it names nobody."""
    path: str = request.scope["route"].path
    return path.partition("/{")[0]


def _unauthorized(sentence: str, error: str) -> HTTPException:
    return HTTPException(401, sentence, {"www-authenticate": f"{CHALLENGE}{error}"})


def _other_methods(headers: Mapping[str, str]) -> ApiResponse:
    """Answer that a path takes other methods; those of its route, or GET where there is none."""
    allowed = headers.get("Allow", "GET, HEAD").split(", ")
    methods = sorted(set(allowed) - {"HEAD"})
    only = f"{' and '.join(methods)} {'is' if len(methods) == 1 else 'are'}"
    return ApiResponse({"error": f"only {only} answered here"}, 405, {"allow": ", ".join(sorted(allowed))})


def _refusal(refusal: Refused) -> ApiResponse:
    changed = {"version": refusal.version} if isinstance(refusal, Stale) else {}
    code = 404 if isinstance(refusal, NotFound) else 403 if isinstance(refusal, SamePerson) else 409
    return ApiResponse({"error": str(refusal), **changed}, code)
