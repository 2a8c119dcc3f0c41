"""Secrets of a local installation: made once, mode 0600, never overwritten."""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

PRODUCERS = ("registration", "pintar", "attendance", "treasury", "registry")
SECRETS = ("identity-index", "account-index", "reference")
KEY_BYTES = 32


def make_keys(folder: Path, *, services: Iterable[str], partners: Iterable[str]) -> None:
    """Make what is missing: JWK sets `<name>.jwks.json` and secrets `<name>.key` (base64url text).

    `programme` holds one key per producer; a service's set holds the key it seals its own rows with; a
    partner's set holds the key that Salur seals an account for that partner with.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_key_set(folder / "programme.jwks.json", PRODUCERS)
    for owner in (*services, *partners):
        _make_key_set(folder / f"{owner}.jwks.json", [f"{owner}-1"])
    for name in SECRETS:
        _write_once(folder / f"{name}.key", _random_text())


def password(folder: Path, role: str) -> str:
    """The password of a database role, made the first time it is asked for."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{role}.password"
    _write_once(path, _random_text())
    return path.read_text()


def make_password_file(folder: Path, role: str) -> None:
    """`<role>.pgpass`, which `PGPASSFILE` may name, so that no address needs to hold a password."""
    _write_once(folder / f"{role}.pgpass", f"*:*:*:{role}:{password(folder, role)}\n")


def _make_key_set(path: Path, kids: Iterable[str]) -> None:
    keys = [{"kty": "oct", "k": _random_text(), "kid": kid, "use": "enc"} for kid in kids]
    _write_once(path, json.dumps({"keys": keys}, indent=2))


def _random_text() -> str:
    return urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).rstrip(b"=").decode()


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        return
    making = path.with_suffix(".making")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    making.replace(path)
