"""Keys and passwords: made once, readable by their owner alone."""

import json
import re
import stat
import subprocess
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from deploy.local.keys import (
    KEY_BYTES,
    MADE,
    PERSONS,
    PRODUCERS,
    PUBLISHED,
    SECRETS,
    SIGNING,
    LostKeys,
    make_keys,
    make_password_file,
    password,
    refuse_lost_keys,
    tokens_in,
)
from deploy.local.paths import ROOT
from shared.contracts.signatures import SigningKey
from shared.contracts.topics import SERVICES
from shared.runtime.tokens import TOKENS_FILE, Role, Tokens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    make_keys(folder, services=SERVICES, partners=("bni", "gopay"))
    return folder


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_each_producer_has_its_own_key(folder: Path) -> None:
    keys = json.loads((folder / "programme.jwks.json").read_text())["keys"]
    assert [key["kid"] for key in keys] == list(PRODUCERS)
    assert len({key["k"] for key in keys}) == len(PRODUCERS)


@pytest.mark.parametrize("owner", [*SERVICES, "accounts", "bni", "gopay"])
def test_key_is_256_bits_for_encryption_without_an_algorithm(folder: Path, owner: str) -> None:
    (key,) = json.loads((folder / f"{owner}.jwks.json").read_text())["keys"]
    assert len(decoded(key.pop("k"))) == KEY_BYTES
    assert key == {"kty": "oct", "kid": f"{owner}-1", "use": "enc"}


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_256_bits_of_base64url_text(folder: Path, name: str) -> None:
    assert len(decoded((folder / f"{name}.key").read_text())) == KEY_BYTES


def test_signing_key_is_published_without_its_private_half(folder: Path) -> None:
    key = json.loads((folder / SIGNING).read_text())
    assert json.loads((folder / PUBLISHED).read_text()) == {"keys": [{k: v for k, v in key.items() if k != "d"}]}
    assert (key["kty"], key["crv"], key["kid"], len(decoded(key["d"]))) == ("OKP", "Ed25519", "books-1", KEY_BYTES)


def test_replaced_signing_key_is_published_beside_the_old_one(folder: Path) -> None:
    """The key is made as the runbook says."""
    runbook = " ".join((ROOT / "docs" / "runbooks" / "rotate-a-key.md").read_text().split())
    (typed,) = re.findall(r'python -c "(import json; [^"]*)" > books-signing.jwk', runbook)
    made = subprocess.run([sys.executable, "-c", typed], cwd=ROOT, capture_output=True, text=True, check=True)
    (folder / SIGNING).write_text(made.stdout)
    again(folder)
    assert [key["kid"] for key in json.loads((folder / PUBLISHED).read_text())["keys"]] == ["books-1", "books-2"]
    assert SigningKey.load(folder / SIGNING, folder / PUBLISHED).kid == "books-2"


def test_password_file_has_the_format_of_postgresql(folder: Path) -> None:
    make_password_file(folder, "payment")
    assert (folder / "payment.pgpass").read_text() == f"*:*:*:payment:{password(folder, 'payment')}\n"


def test_keys_are_readable_by_their_owner_alone(folder: Path) -> None:
    make_password_file(folder, "payment")
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def again(folder: Path) -> None:
    make_keys(folder, services=SERVICES, partners=("bni", "gopay"))


def test_existing_keys_are_never_overwritten(folder: Path) -> None:
    before = {file.name: file.read_text() for file in folder.iterdir()}
    again(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "of before the list"])
@pytest.mark.parametrize("name", ["identity-index.key", "reference.key", "payment.jwks.json", "bni.jwks.json"])
def test_lost_key_is_never_replaced(folder: Path, name: str, listed: bool) -> None:
    (folder / name).unlink()
    if not listed:
        (folder / MADE).unlink()
    with pytest.raises(LostKeys, match=f"{name} of .* is lost.* restore it from a copy"):
        again(folder)
    assert not (folder / name).exists()


def test_lost_folder_is_refused_where_data_exist(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(LostKeys, match="reference"):
        refuse_lost_keys(folder, SERVICES, data=True)
    again(folder)


def test_key_of_a_newer_version_is_added(folder: Path) -> None:
    make_keys(folder, services=SERVICES, partners=("bni", "gopay", "dana"))
    assert (folder / "dana.jwks.json").exists()


def test_password_stays_the_same(folder: Path) -> None:
    assert password(folder, "payment") == password(folder, "payment")
    assert password(folder, "payment") != password(folder, "completion")


def roles_by_token(folder: Path) -> dict[str, Role | None]:
    """Return the role that the token of each person gives at present."""
    known = Tokens.load(folder)
    holders = {person: known.holder_of(token) for person, token in tokens_in(folder).items()}
    return {person: holder.role if holder else None for person, holder in holders.items()}


def test_each_person_has_a_token_in_a_role(folder: Path) -> None:
    assert roles_by_token(folder) == PERSONS
    assert len({*tokens_in(folder).values()}) == len(PERSONS)
    assert {len(decoded(token)) for token in tokens_in(folder).values()} == {KEY_BYTES}
    assert not [token for token in tokens_in(folder).values() if token in (folder / TOKENS_FILE).read_text()]


def test_lost_token_is_drawn_anew_and_the_old_one_ends(folder: Path) -> None:
    before = tokens_in(folder)
    (folder / "operator.token").unlink()
    again(folder)
    assert roles_by_token(folder) == PERSONS
    assert Tokens.load(folder).holder_of(before["operator"]) is None
    assert {person for person, token in tokens_in(folder).items() if token == before[person]} == {
        "viewer",
        "approver-1",
        "approver-2",
    }


def test_token_taken_off_the_list_stays_off(folder: Path) -> None:
    listed = json.loads((folder / TOKENS_FILE).read_text())["tokens"]
    kept = [one for one in listed if one["who"] != "approver-2"]
    (folder / TOKENS_FILE).write_text(json.dumps({"tokens": kept}))
    again(folder)
    (folder / "viewer.token").unlink()
    again(folder)
    assert roles_by_token(folder) == {**PERSONS, "approver-2": None}


def test_lost_list_is_made_again_from_the_tokens(folder: Path) -> None:
    before = tokens_in(folder)
    (folder / TOKENS_FILE).unlink()
    again(folder)
    assert (roles_by_token(folder), tokens_in(folder)) == (PERSONS, before)
