"""Keys, passwords and tokens of a local installation: made once, mode 0600; no key is ever replaced when it is lost."""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

from shared.contracts import upstream
from shared.contracts.signatures import private_jwk
from shared.contracts.topics import PARTNERS
from shared.errors import SalurError
from shared.messaging.chain import file_of
from shared.runtime.tokens import TOKENS_FILE, Holder, Role, Tokens, digest_of, tokens_file

# Event types whose fields each producer's key may seal.
PRODUCERS = {
    "registration": (upstream.PARTICIPANT_ADMITTED.name, upstream.ACCOUNT_LINKED.name),
    "registry": (upstream.PROVIDER_REGISTERED.name,),
}
MAY_SEAL = "salur_may_seal"
SIGNING, PUBLISHED = "books-signing.jwk", "books.public.jwk.json"
"""The key that signs statements of heads, and the set of all public halves, which is for strangers."""
# Keys of each recipient, and no others: a service can neither lose nor use a key that it does not have.
KEYS_OF = {
    "enrollment": (
        "programme.jwks.json",
        "accounts.jwks.json",
        "enrollment.jwks.json",
        "identity-index.key",
        file_of("enrollment"),
        TOKENS_FILE,
    ),
    "completion": ("completion.jwks.json", file_of("completion"), TOKENS_FILE),
    "payment": (
        "programme.jwks.json",
        "accounts.jwks.json",
        "payment.jwks.json",
        "account-index.key",
        "reference.key",
        file_of("payment"),
        TOKENS_FILE,
        SIGNING,
        PUBLISHED,
        *(f"{partner}.jwks.json" for partner in PARTNERS),
    ),
    "partners": tuple(f"{partner}.jwks.json" for partner in PARTNERS),
}
# The tokens of a local installation: each of these persons has one, in the role.
PERSONS = {
    "viewer": Role.VIEWER,
    "operator": Role.OPERATOR,
    "approver-1": Role.APPROVER,
    "approver-2": Role.APPROVER,
}
SECRETS = ("identity-index", "account-index", "reference")
KEY_BYTES = 32
MADE = "made.txt"
"""File that lists all keys ever made in its folder."""


class LostKeys(SalurError):
    """Keys that stored data depend on are missing; the message names them and says what to do."""


def make_keys(folder: Path, *, services: Iterable[str], partners: Iterable[str]) -> None:
    """Make every key that was never made: JWK sets `<name>.jwks.json` and secrets `<name>.key` (base64url text).

    `programme` holds one key per producer. A service's set seals its own rows; `accounts` seals accounts on their way
    from enrollment to payment; a partner's set seals accounts for that partner. Each service also has a secret that
    seals the heads of its hash chains, and statements of heads are signed under one of their own (`SIGNING`), whose
    public half is added to `PUBLISHED`. A token that is lost is drawn anew, and the old one is not accepted any more.
    Raise LostKeys if a key is missing that was made before.
    """
    services = tuple(services)
    owners = (*services, *partners)
    refuse_lost_keys(folder, owners)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_producers(folder / "programme.jwks.json")
    for owner in (*owners, "accounts"):
        _make_key_set(folder / f"{owner}.jwks.json", [f"{owner}-1"])
    for name in (*(f"{name}.key" for name in SECRETS), *map(file_of, services)):
        _write_once(folder / name, _random_text())
    _write_once(folder / SIGNING, json.dumps(private_jwk("books-1")))
    _publish(folder / SIGNING, folder / PUBLISHED)
    _make_tokens(folder)
    made = sorted(path.name for kind in ("*.jwks.json", "*.jwk", "*.jwk.json", "*.key") for path in folder.glob(kind))
    _write(folder / MADE, "".join(f"{name}\n" for name in made))


def refuse_lost_keys(folder: Path, owners: Iterable[str], *, data: bool = False) -> None:
    """Raise LostKeys where a key is missing that was made before.

    `data`: stored data exist that depend on the keys of this folder. A folder without a list of its keys is of the
    first version, and had that version's keys or none.
    """
    first = [f"{name}.jwks.json" for name in ("programme", *owners)] + [f"{name}.key" for name in SECRETS]
    if (folder / MADE).exists():
        made = (folder / MADE).read_text().split()
    else:
        made = first if data or any((folder / name).exists() for name in first) else []
    if lost := [name for name in made if not (folder / name).exists()]:
        raise LostKeys(
            f"{', '.join(lost)} of {folder} is lost, and no other key fits the stored data: restore it from a copy, "
            "or run `make clean` to start again without the data"
        )


def hand_out(folder: Path, recipient: str) -> Path:
    """Make and return the recipient's folder inside a folder of keys, with links to exactly the keys of `KEYS_OF`."""
    own = folder / recipient
    own.mkdir(parents=True, exist_ok=True, mode=0o700)
    for link in own.iterdir():
        if link.name not in KEYS_OF[recipient]:
            link.unlink()
    for name in KEYS_OF[recipient]:
        if not (own / name).is_symlink():
            (own / name).symlink_to(Path("..") / name)
    return own


def tokens_in(folder: Path) -> dict[str, str]:
    """Return the token of each person, as far as they are made."""
    return {person: path.read_text() for person in PERSONS if (path := _token_file(folder, person)).exists()}


def password(folder: Path, role: str) -> str:
    """Return the password of a database role; draw it the first time."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{role}.password"
    _write_once(path, _random_text())
    return path.read_text()


def make_password_file(folder: Path, role: str) -> None:
    """Make `<role>.pgpass`, a file for `PGPASSFILE`."""
    _write_once(folder / f"{role}.pgpass", f"*:*:*:{role}:{password(folder, role)}\n")


def _make_tokens(folder: Path) -> None:
    """Draw the tokens that are missing, and list who holds them; what an operator has taken off the list stays off."""
    listed = (folder / TOKENS_FILE).exists()
    tokens = tokens_in(folder)
    drawn = {person: _random_text() for person in PERSONS if person not in tokens}
    if listed and not drawn:
        return
    new = drawn if listed else tokens | drawn
    others = [holder for holder in Tokens.load(folder).holders if holder.who not in new]
    holders = [Holder(sha256=digest_of(token), who=person, role=PERSONS[person]) for person, token in new.items()]
    # The list comes first: a token that was not written is drawn again.
    _write(folder / TOKENS_FILE, tokens_file([*others, *holders]))
    for person, token in drawn.items():
        _write(_token_file(folder, person), token)


def _token_file(folder: Path, person: str) -> Path:
    return folder / f"{person}.token"


def _make_producers(path: Path) -> None:
    """Make one key per producer, with the event types whose fields it may seal.

    An earlier set, in which no key names types, is completed: the producers keep their keys, and every other key may
    seal nothing from then on. A key that is to seal nothing later has an empty list.
    """
    keys = json.loads(path.read_text())["keys"] if path.exists() else []
    if any(MAY_SEAL in key for key in keys):
        return
    known = {key["kid"]: key for key in keys}
    for kid, types in PRODUCERS.items():
        known[kid] = {**known.get(kid, _key(kid)), MAY_SEAL: types}
    _write(path, json.dumps({"keys": list(known.values())}, indent=2))


def _make_key_set(path: Path, kids: Iterable[str]) -> None:
    _write_once(path, json.dumps({"keys": [_key(kid) for kid in kids]}, indent=2))


def _publish(signing: Path, published: Path) -> None:
    """Add the public half of the signing key to the published set; what is there stays."""
    public = {name: value for name, value in json.loads(signing.read_text()).items() if name != "d"}
    keys = json.loads(published.read_text())["keys"] if published.exists() else []
    if public["kid"] not in [key["kid"] for key in keys]:
        _write(published, json.dumps({"keys": [*keys, public]}, indent=2))


def _key(kid: str) -> dict[str, object]:
    return {"kty": "oct", "k": _random_text(), "kid": kid, "use": "enc"}


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
