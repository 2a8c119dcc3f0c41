"""Signatures: what one of the published keys signed, and nothing else, verifies."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from shared.contracts.signatures import BadSignature, PublicKeys, SigningKey, private_jwk
from shared.errors import Refused

JWKS = dict[str, str]


def keys(folder: Path, *kids: str) -> list[JWKS]:
    """Make keys, write the last as the signing one, and publish all of them."""
    made = [private_jwk(kid) for kid in kids]
    (folder / "private").write_text(json.dumps(made[-1]))
    publish(folder, made)
    return made


def publish(folder: Path, made: list[JWKS]) -> None:
    (folder / "public").write_text(json.dumps({"keys": [{k: v for k, v in one.items() if k != "d"} for one in made]}))


def load(folder: Path) -> tuple[SigningKey, PublicKeys]:
    return SigningKey.load(folder / "private", folder / "public"), PublicKeys.load(folder / "public")


def test_what_was_signed_is_returned(tmp_path: Path) -> None:
    keys(tmp_path, "old", "new")
    key, public = load(tmp_path)
    assert (key.kid, public.verify(key.sign(b'{"a":1}'))) == ("new", b'{"a":1}')


def test_signature_of_an_older_key_goes_on_to_hold(tmp_path: Path) -> None:
    (old,) = keys(tmp_path, "old")
    signed = load(tmp_path)[0].sign(b"x")
    new = private_jwk("new")
    publish(tmp_path, [old, new])
    (tmp_path / "private").write_text(json.dumps(new))
    assert load(tmp_path)[1].verify(signed) == b"x"


def encoded(header: object) -> str:
    return urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"alg": "none", "kid": "a"}, "signed by none"),
        ({"alg": "HS256", "kid": "a"}, "signed by HS256"),
        ({"alg": "EdDSA", "kid": "b"}, "not among the public"),
        ({"alg": "EdDSA"}, "not among the public"),
        ({"alg": "EdDSA", "kid": ["a"]}, "does not fit"),
        ({"alg": "EdDSA", "kid": "a", "more": 1}, "does not fit"),
        ([], "does not fit"),
    ],
)
def test_other_header_is_refused(tmp_path: Path, header: object, message: str) -> None:
    keys(tmp_path, "a")
    key, public = load(tmp_path)
    _, payload, signature = key.sign(b"x").split(".")
    with pytest.raises(BadSignature, match=message):
        public.verify(f"{encoded(header)}.{payload}.{signature}")


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.", "....."])
def test_nonsense_is_refused(tmp_path: Path, token: str) -> None:
    keys(tmp_path, "a")
    with pytest.raises(BadSignature):
        load(tmp_path)[1].verify(token)


def test_other_payload_is_refused(tmp_path: Path) -> None:
    keys(tmp_path, "a")
    key, public = load(tmp_path)
    (header, _, signature), other = key.sign(b"x").split("."), key.sign(b"y").split(".")[1]
    with pytest.raises(BadSignature, match="does not fit"):
        public.verify(f"{header}.{other}.{signature}")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": 1}', '{"keys": [{"kid": "a", "kty": "oct", "k": "x"}]}'])
def test_malformed_files_are_refused(tmp_path: Path, text: str) -> None:
    keys(tmp_path, "a")
    for name in ("private", "public"):
        before = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text)
        with pytest.raises(Refused, match=f"{name} is no .* Ed25519 key"):
            load(tmp_path)
        (tmp_path / name).write_text(before)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="private cannot be read: No such file"):
        load(tmp_path)


def test_key_that_is_not_published_is_refused(tmp_path: Path) -> None:
    made = keys(tmp_path, "a")
    for published in ([private_jwk("a")], [private_jwk("b")], []):
        publish(tmp_path, published)
        with pytest.raises(Refused, match="lacks the public half of the key a: add it, and take none out"):
            load(tmp_path)
    publish(tmp_path, made)
    assert load(tmp_path)
