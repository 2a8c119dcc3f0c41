"""Tokens: who holds one, in which role, and files that are not accepted."""

import json
from pathlib import Path
from typing import Any

import pytest
import structlog

from shared.errors import Refused
from shared.runtime.tokens import TOKENS_FILE, Role, Tokens, digest_of

SECRET = "a-token-that-nobody-guesses"
HOLDER = {"sha256": digest_of(SECRET), "who": "ani", "role": "operator"}


def save(folder: Path, content: object) -> None:
    """Replace the file at once, as an operator is told to."""
    making = folder / "making"
    making.write_text(content if isinstance(content, str) else json.dumps(content))
    making.replace(folder / TOKENS_FILE)


def held_by(tokens: Tokens, token: str = SECRET) -> str | None:
    holder = tokens.holder_of(token)
    return holder.who if holder else None


@pytest.mark.parametrize(
    ("role", "covers"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.APPROVER, {Role.VIEWER, Role.APPROVER}),
    ],
)
def test_operator_approves_nothing_and_approver_halts_nothing(role: Role, covers: set[Role]) -> None:
    assert {needed for needed in Role if role.covers(needed)} == covers


@pytest.mark.parametrize("token", ["", SECRET[:-1], SECRET.upper(), digest_of(SECRET), f"{SECRET} "])
def test_only_the_token_itself_is_known(tmp_path: Path, token: str) -> None:
    save(tmp_path, {"tokens": [HOLDER]})
    tokens = Tokens.load(tmp_path)
    assert (held_by(tokens), held_by(tokens, token)) == ("ani", None)


def test_tokens_come_and_go_without_a_restart(tmp_path: Path) -> None:
    tokens = Tokens.load(tmp_path)
    assert (held_by(tokens), tokens.notices()) == (None, [])
    save(tmp_path, {"tokens": [HOLDER]})
    assert held_by(tokens) == "ani"
    save(tmp_path, {"tokens": []})
    assert held_by(tokens) is None


def test_no_token_is_accepted_while_the_file_is_malformed(tmp_path: Path) -> None:
    save(tmp_path, {"tokens": [HOLDER]})
    tokens = Tokens.load(tmp_path)
    save(tmp_path, "{")
    with structlog.testing.capture_logs() as logged:
        assert (held_by(tokens), held_by(tokens)) == (None, None)
    (notice,) = tokens.notices()
    assert notice.startswith(f"no token is accepted: {tmp_path / TOKENS_FILE} is not a file of tokens")
    assert [line["event"] for line in logged] == ["tokens_refused"]
    save(tmp_path, {"tokens": [HOLDER]})
    assert (held_by(tokens), tokens.notices()) == ("ani", [])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the whole: Invalid JSON"),
        ("[]", "the whole: Input should be an object"),
        ({}, "tokens: Field required"),
        ({"tokens": [], "token": []}, "token: Extra inputs"),
        ({"tokens": [{**HOLDER, "sha256": SECRET}]}, "tokens.0.sha256: String should match"),
        ({"tokens": [{**HOLDER, "sha256": digest_of(SECRET).upper()}]}, "tokens.0.sha256: String should match"),
        ({"tokens": [{**HOLDER, "role": "root"}]}, "tokens.0.role: Input should be"),
        ({"tokens": [{**HOLDER, "who": ""}]}, "tokens.0.who: String should have at least 1"),
        ({"tokens": [{**HOLDER, "who": "\u3164"}]}, "tokens.0.who: Value error, no visible"),
        ({"tokens": [{**HOLDER, "who": "Payment"}]}, "tokens.0.who: Value error, the name of a service"),
        ({"tokens": [HOLDER, {**HOLDER, "role": "approver"}]}, "one token has several entries"),
    ],
)
def test_malformed_file_is_refused_at_the_start_without_its_values(tmp_path: Path, content: Any, why: str) -> None:
    save(tmp_path, content)
    with pytest.raises(Refused) as refused:
        Tokens.load(tmp_path)
    assert why in str(refused.value)
    assert str(tmp_path / TOKENS_FILE) in str(refused.value)
    assert SECRET not in str(refused.value)


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / TOKENS_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match="not a file of tokens"):
        Tokens.load(tmp_path)
    (tmp_path / TOKENS_FILE).unlink()
    (tmp_path / TOKENS_FILE).mkdir()
    with pytest.raises(Refused, match="not a file of tokens"):
        Tokens.load(tmp_path)
