"""Commands over HTTP on payment as a process would answer them: halts, resumes and approvals, by token and role."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from services.payment.app import definition
from services.payment.settings import PaymentSettings
from shared.clock import OFFSET_FILE_VARIABLE
from shared.postgres.migrations import migrations_of
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.key_watch import KeyWatch
from shared.runtime.keys import Keys
from shared.runtime.service import build_app
from shared.runtime.tokens import TOKENS_FILE, Holder, Role, digest_of, tokens_file
from tests.builders import LATER, a_provider, keys_folder
from tests.infrastructure import Database
from tests.integration.payment.facts import CODE, in_one_lane, journey
from tests.integration.payment.harness import PaymentHarness

# Token, person and role; Ani has two tokens.
TOKENS = (
    ("token-of-a-viewer", "eka", Role.VIEWER),
    ("token-of-an-operator", "sri", Role.OPERATOR),
    ("first-token-of-ani", "Ani", Role.APPROVER),
    ("other-token-of-ani", "ani ", Role.APPROVER),
    ("token-of-budi", "budi", Role.APPROVER),
)
VIEWER, OPERATOR, ANI, ANI_AGAIN, BUDI = (token for token, _, _ in TOKENS)
WHY = "the partner pays twice"
APPROVAL = f"/disbursements/{CODE}/fee/approvals"


class Desk:
    """Payment over HTTP, asked with one token or another."""

    def __init__(self, client: httpx.AsyncClient, keys: Path) -> None:
        self._client = client
        self._keys = keys

    async def ask(self, method: str, path: str, token: str, **body: object) -> httpx.Response:
        """Send a command, or a question if there is no body."""
        headers = {"authorization": f"Bearer {token}"}
        return await self._client.request(method, path, headers=headers, json=body or None)

    async def held(self, benefit: str = "fee") -> dict[str, Any]:
        """Return what `/held` shows of a benefit."""
        shown = (await self.ask("GET", "/held", VIEWER)).json()["held"]
        return next(row for row in shown if row["benefit"] == benefit)

    async def approve(self, token: str, version: str | None = None, path: str = APPROVAL) -> httpx.Response:
        """Approve the fee, in the version that `/held` shows if no other is given."""
        known = version or (await self.held())["version"]
        return await self.ask("POST", path, token, why=WHY, version=known)

    def revoke(self, revoked: str) -> None:
        """Take one token off the list."""
        save_tokens(self._keys, *(one for one in TOKENS if one[0] != revoked))


def save_tokens(folder: Path, *tokens: tuple[str, str, Role]) -> None:
    holders = [Holder(sha256=digest_of(token), who=who, role=role) for token, who, role in tokens]
    (folder / TOKENS_FILE).write_text(tokens_file(holders))


@asynccontextmanager
async def serving(database: Database, keys: Path) -> AsyncIterator[Desk]:
    """Serve payment as `run` does, but for Kafka, with these keys."""
    url = database.url_of("payment")
    service = definition(PaymentSettings(keys_folder=keys, postgres_url=SecretStr(url)))
    read, migrations = Keys.load(service), migrations_of("services.payment")
    watch = KeyWatch(read, lambda: read, keys, url, migrations)
    app = build_app(service, read, InvariantMonitor(()), watch, migrations)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://payment") as client:
        yield Desk(client, keys)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the keys of the tests, and tokens of its own; the clock is not ahead of the tests' time."""
    for path in keys_folder().iterdir():
        if path.name != TOKENS_FILE:
            (tmp_path / path.name).symlink_to(path)
    save_tokens(tmp_path, *TOKENS)
    offset = tmp_path / "clock-offset"
    offset.write_text(f"{int((LATER - datetime.now(UTC)).total_seconds()) - 60}\n")
    monkeypatch.setenv(OFFSET_FILE_VARIABLE, str(offset))
    return tmp_path


@pytest.fixture
async def desk(database: Database, keys: Path) -> AsyncIterator[Desk]:
    async with serving(database, keys) as desk:
        yield desk


@pytest.fixture
async def frozen(instructed: PaymentHarness) -> PaymentHarness:
    """Return a harness with a frozen fee, whose next attempt takes two persons."""
    await instructed.report(instructed.instructions_for("fee")[0].reference, "rejected", "FR01")
    return instructed


async def operations(harness: PaymentHarness) -> list[tuple[str, str, str, dict[str, Any]]]:
    rows = await harness.connection.fetch("select verb, who, why, detail from operation order by number")
    return [(row["verb"], row["who"], row["why"], json.loads(row["detail"])) for row in rows]


@pytest.mark.parametrize(("scope", "states"), [("all", {"held(halted)"}), ("gopay", {"instructed", "held(halted)"})])
async def test_halt_holds_what_falls_due_until_it_is_ended(
    harness: PaymentHarness, desk: Desk, scope: str, states: set[str]
) -> None:
    await harness.prepare()
    answer = await desk.ask("POST", f"/halts/{scope}", OPERATOR, why=WHY)
    assert (answer.status_code, answer.json()["changed"], answer.json()["awaits_second"]) == (200, True, False)
    await harness.receive(*journey())
    assert {await harness.state("fee"), await harness.state("incentive_1")} == states
    (shown,) = (await desk.ask("GET", "/halts", VIEWER)).json()["halts"]
    assert (shown["scope"], shown["by"], shown["who"], shown["why"]) == (scope, "operator", "sri", WHY)

    again = await desk.ask("POST", f"/halts/{scope}", OPERATOR, why=WHY)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    ended = await desk.ask("DELETE", f"/halts/{scope}", OPERATOR, why="they have mended it")
    assert (ended.status_code, ended.json()["changed"]) == (200, True)
    await harness.sweep()
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("instructed", "instructed")
    assert await operations(harness) == [
        ("halt", "sri", WHY, {"scope": scope}),
        ("resume", "sri", "they have mended it", {"scope": scope}),
    ]


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("POST", "/halts/nobody", OPERATOR, 404),
        ("POST", "/halts/", OPERATOR, 404),
        ("POST", "/halts/go/pay", OPERATOR, 404),
        ("DELETE", "/halts/nobody", OPERATOR, 404),
        ("DELETE", "/halts/gopay", OPERATOR, 404),
        ("POST", "/halts/all", VIEWER, 403),
        ("POST", "/halts/all", ANI, 403),
        ("DELETE", "/halts/all", ANI, 403),
        ("POST", APPROVAL, VIEWER, 403),
        ("POST", APPROVAL, OPERATOR, 403),
        ("POST", "/disbursements/PRAT00000000/fee/approvals", ANI, 404),
        ("POST", f"/disbursements/{CODE}/survey_1/approvals", ANI, 404),
        ("POST", f"/disbursements/{CODE}/incentive_1/approvals", ANI, 409),
        ("PUT", "/halts/all", OPERATOR, 405),
        ("GET", APPROVAL, ANI, 405),
        ("POST", "/held", ANI, 405),
        ("POST", "/halts/all", "nobody", 401),
        ("POST", APPROVAL, "nobody", 401),
        ("GET", "/funds", "nobody", 401),
        ("GET", "/participants/4810000000000017/explain", "nobody", 401),
    ],
)
async def test_refused_command_changes_nothing(
    frozen: PaymentHarness, desk: Desk, method: str, path: str, token: str, status: int
) -> None:
    with structlog.testing.capture_logs() as logged:
        body = {"why": WHY, "version": "v"} if path.endswith("approvals") else {"why": WHY}
        answer = await desk.ask(method, path, token, **body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert (await frozen.halts(), await operations(frozen)) == ([], [])
    assert not await frozen.connection.fetchval("select count(*) from consent")
    assert token not in str(logged)


async def test_approval_without_a_version_is_400(frozen: PaymentHarness, desk: Desk) -> None:
    answer = await desk.ask("POST", APPROVAL, ANI, why=WHY)
    assert (answer.status_code, "version: Field required" in answer.json()["error"]) == (400, True)
    assert await operations(frozen) == []


async def test_frozen_one_takes_two_persons_and_two_tokens_of_one_are_one(frozen: PaymentHarness, desk: Desk) -> None:
    first = await desk.approve(ANI)
    assert (first.status_code, first.json()["awaits_second"]) == (202, True)
    for token in (ANI, ANI_AGAIN):
        again = await desk.approve(token)
        assert (again.status_code, "two different persons" in again.json()["error"]) == (403, True)
    await frozen.sweep()
    assert await frozen.state("fee") == "held(needs_approval)"

    second = await desk.approve(BUDI)
    assert (second.status_code, second.json()["awaits_second"]) == (200, False)
    await frozen.sweep()
    assert await frozen.state("fee") == "instructed"
    kept, done = await operations(frozen)
    assert (*kept[:3], kept[3]["awaits"]) == ("approve", "Ani", WHY, "a second person")
    assert (*done[:3], done[3]["first"]) == ("approve", "budi", WHY, "Ani")


async def test_approved_already_changes_nothing(frozen: PaymentHarness, desk: Desk) -> None:
    version = (await desk.held())["version"]
    for token in (ANI, BUDI):
        await desk.approve(token, version)
    again = await desk.approve(ANI, version)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert len(await operations(frozen)) == 2


async def test_account_changed_since_it_was_read_is_409(frozen: PaymentHarness, desk: Desk) -> None:
    """The person would have approved a payment to an account that they have not seen."""
    version = (await desk.held())["version"]
    await frozen.receive(a_provider(number="8800555", version=2))
    stale = await desk.approve(ANI, version)
    current = (await desk.held())["version"]
    assert (stale.status_code, stale.json()["version"]) == (409, current)
    assert current != version
    assert await operations(frozen) == []
    assert (await desk.approve(ANI, current)).status_code == 202


async def test_first_approval_is_void_when_the_account_changes(frozen: PaymentHarness, desk: Desk) -> None:
    await desk.approve(ANI)
    await frozen.receive(a_provider(number="8800555", version=2))
    assert (await desk.approve(BUDI)).status_code == 202
    assert (await desk.approve(ANI)).status_code == 200


async def test_revoked_token_is_401_at_once(frozen: PaymentHarness, desk: Desk) -> None:
    assert (await desk.approve(ANI)).status_code == 202
    desk.revoke(BUDI)
    assert (await desk.approve(BUDI)).status_code == 401
    await frozen.sweep()
    assert await frozen.state("fee") == "held(needs_approval)"


async def test_each_held_one_has_a_version_of_its_own(harness: PaymentHarness, desk: Desk) -> None:
    await harness.prepare(training=0, incentive=0)
    for number, participant in enumerate(in_one_lane(2)):
        await harness.receive(*journey(participant, f"PRAT0000000{number}"))
    shown = (await desk.ask("GET", "/held", VIEWER)).json()["held"]
    assert len({row["version"] for row in shown}) == len(shown) == 4
    assert (await desk.ask("GET", "/held", VIEWER)).json()["held"] == shown
