"""The routes of the operators' HTTP API as an ASGI application, on an empty stand-in for Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog

from shared.messaging.engine.status import EngineStatus
from shared.runtime.database import DatabaseUnavailable
from shared.runtime.explanation import Decision
from shared.runtime.http import HttpApi

JSON_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}
OF_PARTICIPANTS = ["/participants/<16 digits>", "/participants/<16 digits>/explain"]
PAGES = ["/health/live", "/health/ready", "/metrics", "/lanes", "/parked", "/waiting", "/table", *OF_PARTICIPANTS]
NO_SUCH_PAGE = {"error": "there is no such page", "pages": PAGES}
NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
ONLY_GET = {"error": "only GET is answered here"}
PARTICIPANT = "/participants/4810000000000017"
EXPLAIN = f"{PARTICIPANT}/explain"


class EmptyDatabase:
    """A database without a row; with `away` it cannot be asked."""

    def __init__(self) -> None:
        self.away = False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        if self.away:
            raise DatabaseUnavailable("Postgres does not answer in time")
        yield self

    async def confirm(self) -> None:
        async with self.session():
            pass

    async def fetch(self, *_: object) -> list[object]:
        return []


class NoGauges:
    async def scrape(self) -> bytes:
        return b"# nothing\n"


class AnsweringKafka:
    async def answers(self) -> bool:
        return True

    async def lanes_served(self) -> frozenset[int]:
        return frozenset(range(12))


async def _view(_: object) -> list[int]:
    return [1, 2]


async def _nothing(*_: object) -> None:
    return None


async def _no_decisions(*_: object) -> list[Decision]:
    return []


async def _not_degraded(_: object) -> list[str]:
    return []


@pytest.fixture
def database() -> EmptyDatabase:
    return EmptyDatabase()


@pytest.fixture
def definition() -> SimpleNamespace:
    return SimpleNamespace(
        name="toy",
        settings=SimpleNamespace(replica="toy-1"),
        views={"/table": _view},
        audit_trail=_nothing,
        explain=_no_decisions,
        degraded=_not_degraded,
    )


@pytest.fixture
async def http(database: EmptyDatabase, definition: SimpleNamespace) -> AsyncIterator[httpx.AsyncClient]:
    api = HttpApi(definition, database, NoGauges(), AnsweringKafka(), EngineStatus).application()  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=api, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
        yield client


async def test_each_page_answers_json_that_is_not_to_be_kept(http: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/lanes", "/parked", "/waiting", "/table"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["service"]) == (200, "toy"), path
        assert dict(answer.headers) == {**JSON_HEADERS, "content-length": str(len(answer.content))}
        assert answer.content.endswith(b"}\n")
    assert (await http.get("/table")).json() == {"service": "toy", "table": [1, 2]}


async def test_metrics_are_text_in_the_form_of_prometheus(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert (answer.status_code, answer.content) == (200, b"# nothing\n")
    assert dict(answer.headers) == {"content-type": "text/plain; version=1.0.0; charset=utf-8", "content-length": "10"}


async def test_head_is_answered_as_get_is(http: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/metrics", "/nowhere"):
        got, headed = await http.get(path), await http.head(path)
        assert (headed.status_code, headed.headers) == (got.status_code, got.headers), path


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/lanes/", "/lanes/3", "/participants", "/participants/481", f"{PARTICIPANT}0", "/Lanes"]
)
async def test_unknown_path_is_404_and_names_the_pages(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (404, NO_SUCH_PAGE)
    assert dict(answer.headers) == {**JSON_HEADERS, "content-length": str(len(answer.content))}


@pytest.mark.parametrize("path", ["/health/live", "/table", PARTICIPANT, EXPLAIN, "/nowhere"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_405_on_every_path(http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()) == (405, ONLY_GET)
    assert dict(answer.headers) == {**JSON_HEADERS, "content-length": str(len(answer.content))}


async def test_unknown_participant_is_404(http: httpx.AsyncClient) -> None:
    for path in (PARTICIPANT, EXPLAIN):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "toy knows nothing of this participant"})


async def test_explanation_lists_decisions_in_order_of_time(
    http: httpx.AsyncClient, definition: SimpleNamespace
) -> None:
    later = Decision(at=NOON + timedelta(hours=1), decision="second", rule="toy.two", caused_by=("/toys 7",))
    first = Decision(
        at=NOON,
        decided_at=NOON,
        decision="first",
        rule="toy.one",
        amounts={"price": 5},
        facts={"until": NOON, "none": None},
    )

    async def explain(*_: object) -> list[Decision]:
        return [later, first]

    definition.explain = explain
    shown = (await http.get(EXPLAIN)).json()
    assert (shown["service"], shown["participant_id"]) == ("toy", "4810000000000017")
    assert [one["decision"] for one in shown["decisions"]] == ["first", "second"]
    assert shown["decisions"][0] == {
        "at": "2023-03-01T12:00:00Z",
        "decided_at": "2023-03-01T12:00:00Z",
        "decision": "first",
        "about": None,
        "rule": "toy.one",
        "scheme": None,
        "scheme_version": None,
        "amounts": {"price": 5},
        "facts": {"until": "2023-03-01T12:00:00Z"},
        "caused_by": [],
        "carried_by": None,
    }
    assert shown["decisions"][1]["decided_at"] == "not recorded"


async def test_query_of_the_address_is_ignored(http: httpx.AsyncClient) -> None:
    assert (await http.get("/lanes?all=1")).status_code == 200


async def test_database_that_is_away_is_503_with_the_reason(http: httpx.AsyncClient, database: EmptyDatabase) -> None:
    database.away = True
    for path in ("/lanes", "/parked", "/waiting", "/table", PARTICIPANT, EXPLAIN):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "Postgres does not answer in time"}), path
    assert (await http.get("/health/live")).status_code == 200
    ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()["reasons"][0]) == (503, "Postgres does not answer in time")


async def test_failing_page_is_500_and_logged_without_the_participant(
    http: httpx.AsyncClient, definition: SimpleNamespace
) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("4810000000000017")

    definition.audit_trail = fail
    definition.views["/table"] = fail
    with structlog.testing.capture_logs() as logged:
        answers = [await http.get(path) for path in (PARTICIPANT, "/table")]
    for answer in answers:
        assert answer.status_code == 500
        assert answer.json() == {"error": "this question could not be answered; the log says why"}
    assert [(line["event"], line["page"], line["error"]) for line in logged] == [
        ("http_failed", "/participants", "KeyError"),
        ("http_failed", "/table", "KeyError"),
    ]
