"""The routes of the operators' HTTP API as an ASGI application, on an empty stand-in for Postgres."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog

from shared.clock import Clock
from shared.errors import Stale
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.engine.status import EngineStatus
from shared.runtime.commands import MAX_BODY_BYTES, Command, CommandBody, CommandDesk
from shared.runtime.database import DatabaseUnavailable
from shared.runtime.explanation import Decision
from shared.runtime.http import HttpApi
from shared.runtime.tokens import TOKENS_FILE, Holder, Role, Tokens, digest_of, tokens_file
from tests.builders import chain_key

JSON_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}
DOOR = "/doors/back/left"
OF_PARTICIPANTS = ["/participants/<16 digits>", "/participants/<16 digits>/explain"]
PAGES = ["/health/live", "/health/ready", "/metrics", "/lanes", "/parked", "/waiting", "/table", *OF_PARTICIPANTS]
NO_SUCH_PAGE = {"error": "there is no such page", "pages": PAGES}
NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
ONLY_GET = {"error": "only GET is answered here"}
PARTICIPANT = "/participants/4810000000000017"
EXPLAIN = f"{PARTICIPANT}/explain"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class EmptyDatabase:
    """A database without a row; with `away` it cannot be asked."""

    def __init__(self) -> None:
        self.away = False
        self.done: list[str] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        if self.away:
            raise DatabaseUnavailable("Postgres does not answer in time")
        yield self

    async def confirm(self) -> None:
        async with self.session():
            pass

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield

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


async def _close(database: EmptyDatabase, operator: Operator, path: Mapping[str, str], body: CommandBody) -> Outcome:
    database.done.append(f"{operator.who} closes {path['door']}: {body.why}")
    return Outcome(changed=True, sentence="it is closed", awaits_second=path["door"] == "vault")


async def _open(*_: object) -> Outcome:
    raise Stale("the door has changed", "v2")


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
        commands=(
            Command("POST", "/doors/{door:path}", Role.OPERATOR, CommandBody, _close),  # type: ignore[arg-type]
            Command("DELETE", "/doors/{door:path}", Role.APPROVER, CommandBody, _open),
        ),
        audit_trail=_nothing,
        explain=_no_decisions,
        degraded=_not_degraded,
    )


@pytest.fixture
async def http(
    database: EmptyDatabase, definition: SimpleNamespace, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that sends the token of a viewer, unless told otherwise."""
    holders = [Holder(sha256=digest_of(role), who=f"ani the {role}", role=role) for role in Role]
    (tmp_path / TOKENS_FILE).write_text(tokens_file(holders))
    api = HttpApi(
        definition,  # type: ignore[arg-type]
        database,  # type: ignore[arg-type]
        NoGauges(),  # type: ignore[arg-type]
        AnsweringKafka(),  # type: ignore[arg-type]
        EngineStatus,
        Tokens.load(tmp_path),
        CommandDesk(definition.commands, lambda: database, Clock(), chain_key("payment")),  # type: ignore[arg-type, return-value]
    )
    transport = httpx.ASGITransport(app=api.application(), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy", headers=bearer("viewer")) as client:
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
    assert dict(answer.headers) == {**JSON_HEADERS, "allow": "GET, HEAD", "content-length": str(len(answer.content))}


async def test_path_of_commands_names_their_methods(http: httpx.AsyncClient) -> None:
    for method in ("GET", "PUT"):
        answer = await http.request(method, DOOR)
        assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, POST")
        assert answer.json() == {"error": "only DELETE and POST are answered here"}


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


@pytest.mark.parametrize("authorization", [None, "", "Basic YW5pOmFuaQ==", "Bearer", "Bearer ", "Bearer x", "viewer"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/table"), ("GET", EXPLAIN), ("POST", DOOR), ("DELETE", DOOR)])
async def test_no_token_or_an_unknown_one_is_401(
    http: httpx.AsyncClient, database: EmptyDatabase, method: str, path: str, authorization: str | None
) -> None:
    del http.headers["authorization"]
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await http.request(method, path, headers=headers)
    assert (answer.status_code, database.done) == (401, [])
    known = "Bearer" in (authorization or "")
    challenge = 'Bearer realm="salur"' + (', error="invalid_token"' if known else "")
    assert answer.headers["www-authenticate"] == challenge
    assert answer.headers["cache-control"] == "no-store"
    assert "token" in answer.json()["error"]


async def test_health_metrics_lanes_and_participants_take_no_token(http: httpx.AsyncClient) -> None:
    del http.headers["authorization"]
    for path in ("/health/live", "/metrics", "/lanes", "/parked"):
        assert (await http.get(path)).status_code == 200, path
    assert (await http.get("/health/ready")).json()["ready"] is False
    assert (await http.get(PARTICIPANT)).status_code == 404


@pytest.mark.parametrize(
    ("method", "role", "needed"),
    [
        ("POST", "viewer", "operator"),
        ("POST", "approver", "operator"),
        ("DELETE", "viewer", "approver"),
        ("DELETE", "operator", "approver"),
    ],
)
async def test_token_without_the_role_is_403_and_does_nothing(
    http: httpx.AsyncClient, database: EmptyDatabase, method: str, role: str, needed: str
) -> None:
    answer = await http.request(method, DOOR, headers=bearer(role), json={"why": "a draught"})
    assert (answer.status_code, database.done) == (403, [])
    assert answer.headers["www-authenticate"] == f'Bearer realm="salur", error="insufficient_scope", scope="{needed}"'
    assert answer.json() == {"error": f"this takes the role {needed}, and the token gives {role}"}


async def test_every_role_reads(http: httpx.AsyncClient) -> None:
    for role in Role:
        assert (await http.get("/table", headers=bearer(role))).status_code == 200, role


@pytest.mark.parametrize(("door", "status"), [("back/left", 200), ("vault", 202)])
async def test_command_is_done_as_the_person_of_the_token(
    http: httpx.AsyncClient, database: EmptyDatabase, door: str, status: int
) -> None:
    answer = await http.post(f"/doors/{door}", headers=bearer("operator"), json={"why": "a draught"})
    assert database.done == [f"ani the operator closes {door}: a draught"]
    assert (answer.status_code, answer.json()) == (
        status,
        {"service": "toy", "changed": True, "awaits_second": status == 202, "done": "it is closed"},
    )


async def test_changed_one_is_409_with_the_version_of_now(http: httpx.AsyncClient) -> None:
    answer = await http.request("DELETE", DOOR, headers=bearer("approver"), json={"why": "air"})
    assert (answer.status_code, answer.json()) == (409, {"error": "the door has changed", "version": "v2"})


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("status", "content", "headers", "why"),
    [
        (415, b'{"why": "a"}', {}, "application/json"),
        (415, b'{"why": "a"}', {"content-type": "application/x-www-form-urlencoded"}, "application/json"),
        (413, b" " * (MAX_BODY_BYTES + 1), JSON, "at most 4096 bytes"),
        (400, b"", JSON, "Invalid JSON"),
        (400, b'{"why": "a"', JSON, "Invalid JSON"),
        (400, b'{"why": "\xff"}', JSON, "Invalid JSON"),
        (400, b'["why"]', JSON, "an object"),
        (400, b"{}", JSON, "why: Field required"),
        (400, b'{"why": null}', JSON, "why: "),
        (400, b'{"why": 7}', JSON, "why: "),
        (400, b'{"why": ""}', JSON, "why: "),
        (400, b'{"why": "  "}', JSON, "why: Value error, no visible character"),
        (400, b'{"why": "' + b"a" * 141 + b'"}', JSON, "why: String should have at most 140"),
        (400, b'{"why": "a\\nb"}', JSON, "why: Value error, a character that cannot be seen"),
        (400, b'{"why": "e\\u0301"}', JSON, "why: Value error, not in NFC"),
        (400, b'{"why": "a", "who": "budi"}', JSON, "who: Extra inputs"),
    ],
)
async def test_body_that_is_not_the_commands_is_refused_with_the_reason(
    http: httpx.AsyncClient, database: EmptyDatabase, status: int, content: bytes, headers: dict[str, str], why: str
) -> None:
    answer = await http.post(DOOR, headers=bearer("operator") | headers, content=content)
    assert (answer.status_code, database.done) == (status, [])
    assert why in answer.json()["error"]


async def test_body_may_name_its_charset(http: httpx.AsyncClient) -> None:
    headers = bearer("operator") | {"content-type": "Application/JSON; charset=utf-8"}
    assert (await http.post(DOOR, headers=headers, content=b'{"why": "hawa"}')).status_code == 200


async def test_command_without_a_database_may_be_sent_again(http: httpx.AsyncClient, database: EmptyDatabase) -> None:
    database.away = True
    answer = await http.post(DOOR, headers=bearer("operator"), json={"why": "a draught"})
    assert answer.status_code == 503
    assert answer.json()["error"].endswith("it may be done all the same, and it may be sent again")


async def test_refusals_are_logged_without_the_token(http: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        await http.get("/table", headers=bearer("s3cret"))
        await http.post(DOOR, headers=bearer("viewer"))
    assert logged == [
        {"event": "http_refused", "log_level": "info", "page": "/table", "status": 401},
        {"event": "http_refused", "log_level": "info", "page": "/doors", "status": 403},
    ]
