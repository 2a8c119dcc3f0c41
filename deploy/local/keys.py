"""Secrets of a local installation: made once, mode 0600, never overwritten, and none made anew that was lost."""

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
MADE = "made.txt"
"""In a folder of keys: the names of all that were ever made there."""


class LostKeys(Exception):
    """Keys that data were made with are missing; the message says which, and what to do."""


def make_keys(folder: Path, *, services: Iterable[str], partners: Iterable[str]) -> None:
    """Make what never was: JWK sets `<name>.jwks.json` and secrets `<name>.key` (base64url text); raises LostKeys.

    `programme` holds one key per producer; a service's set holds the key it seals its own rows with; a
    partner's set holds the key that Salur seals an account for that partner with.
    """
    owners = (*services, *partners)
    refuse_lost_keys(folder, owners)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_key_set(folder / "programme.jwks.json", PRODUCERS)
    for owner in owners:
        _make_key_set(folder / f"{owner}.jwks.json", [f"{owner}-1"])
    for name in SECRETS:
        _write_once(folder / f"{name}.key", _random_text())
    made = sorted(path.name for kind in ("*.jwks.json", "*.key") for path in folder.glob(kind))
    _write(folder / MADE, "".join(f"{name}\n" for name in made))


def refuse_lost_keys(folder: Path, owners: Iterable[str], *, data: bool = False) -> None:
    """Raise LostKeys where a key is missing that was there; `data`: something was made with those of this folder.

    A folder of before this list was kept had the keys of the first version, or none.
    """
    first = [f"{name}.jwks.json" for name in ("programme", *owners)] + [f"{name}.key" for name in SECRETS]
    if (folder / MADE).exists():
        made = (folder / MADE).read_text().split()
    else:
        made = first if data or any((folder / name).exists() for name in first) else []
    if lost := [name for name in made if not (folder / name).exists()]:
        raise LostKeys(
            f"{', '.join(lost)} of {folder} is lost, and with another what is stored means something else: put it back "
            "from where a copy is kept, or `make clean` to begin anew without the data"
        )


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
    if not path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    making = path.with_suffix(".making")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    making.replace(path)
