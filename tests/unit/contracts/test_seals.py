"""Sealed fields: tokens that open and tokens that do not, and plaintext that is never printed."""

import copy
import json
import pickle
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwcrypto import jwe, jwk

from shared.contracts.blind_index import BlindIndex
from shared.contracts.keys import read_key
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import OpenedIdentity, ParticipantAccount
from shared.contracts.seals import KeyRing, compact, expand, holds_seal, kid_of
from shared.contracts.secret import Secret
from shared.errors import Refused
from tests.builders import keys_folder, programme_keys

PERSON = "4810000000000017"
IDENTITY = {"sub": PERSON, "nik": "3273015204960001", "birth_date": "1996-04-12"}
AGREED = {"alg": "dir", "enc": "A256GCM", "kid": "registration"}


def key_of(kid: str) -> dict[str, str]:
    keys = json.loads((keys_folder() / "programme.jwks.json").read_text())["keys"]
    found: dict[str, str] = next(key for key in keys if key["kid"] == kid)
    return found


def foreign(header: dict[str, Any], plaintext: bytes, key: dict[str, str] | None = None) -> str:
    """Sealed by another library."""
    token = jwe.JWE(plaintext, json.dumps(header))
    token.allowed_algs = ["dir", "A256GCM", "A128GCM", "A256KW", "A128CBC-HS256"]
    token.add_recipient(jwk.JWK(**(key or key_of("registration"))))
    return str(token.serialize(compact=True))


def token_with_header(header: object) -> str:
    """Sealed by hand with the right key, header and all: nothing but the header can be wrong with it."""
    return token_with_raw_header(json.dumps(header))


def token_with_raw_header(text: str) -> str:
    named = encoded(text.encode())
    key = urlsafe_b64decode(key_of("registration")["k"] + "=")
    sealed = AESGCM(key).encrypt(b"0" * 12, json.dumps(IDENTITY).encode(), named.encode())
    return f"{named}..{encoded(b'0' * 12)}.{encoded(sealed[:-16])}.{encoded(sealed[-16:])}"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def assert_bad_seal(opener: Callable[[], object]) -> None:
    with pytest.raises(Parked) as caught:
        opener()
    assert caught.value.reason is ParkReason.BAD_SEAL
    assert caught.value.detail == ""


@pytest.mark.parametrize(
    "plaintext",
    [
        *(b"", b"null", b"[]", b'"text"', b"{", b"\xff", b'{"sub":"' + PERSON.encode() + b'","sub":"x"}'),
        *(b'\xef\xbb\xbf{"sub":"x"}', '{"sub":"x"}'.encode("utf-16"), b'{"sub":"\\ud800"}', b'{"sub":NaN}'),
        b'{"a":' * 17 + b"1" + b"}" * 17,
    ],
)
def test_plaintext_is_one_strict_json_object(plaintext: bytes) -> None:
    token = programme_keys().seal_bytes(plaintext)
    assert_bad_seal(lambda: programme_keys().open(token))


WHOLE = programme_keys().seal(IDENTITY, "registration")
HEADER, KEY, NONCE, SEALED, TAG = WHOLE.split(".")
TOKENS = {
    "no JWE at all": "hello",
    "nothing": "",
    "points": "....",
    "four parts": f"{HEADER}.{NONCE}.{SEALED}.{TAG}",
    "six parts": WHOLE + ".x",
    "not ASCII": "\u00e9" + WHOLE,
    "a blank after it": WHOLE + " ",
    "a line break inside": WHOLE.replace(".", ".\n", 1),
    "one bit changed": WHOLE[:-30] + ("A" if WHOLE[-30] != "A" else "B") + WHOLE[-29:],
    "a short tag": ".".join((HEADER, KEY, NONCE, SEALED, TAG[:16])),
    "no tag": f"{HEADER}.{KEY}.{NONCE}.{SEALED}.",
    "no nonce": f"{HEADER}.{KEY}..{SEALED}.{TAG}",
    "a tag written otherwise": WHOLE[:-1] + chr(ord(WHOLE[-1]) + 1),
    "a ciphertext written otherwise": ".".join((HEADER, KEY, NONCE, SEALED[:-1] + chr(ord(SEALED[-1]) + 1), TAG)),
    "an encrypted key where none belongs": f"{HEADER}.AAAA.{NONCE}.{SEALED}.{TAG}",
    "A30 alg none": token_with_header({**AGREED, "alg": "none"}),
    "A30 another alg": token_with_header({**AGREED, "alg": "A256KW"}),
    "A30 A256KW in earnest": foreign({**AGREED, "alg": "A256KW"}, json.dumps(IDENTITY).encode()),
    "A30 another enc": token_with_header({**AGREED, "enc": "A128GCM"}),
    "A31 crit": token_with_header({**AGREED, "crit": ["exp"], "exp": 1}),
    "A31 crit, empty": token_with_header({**AGREED, "crit": []}),
    "A32 an unknown kid": token_with_header({**AGREED, "kid": "stranger"}),
    "A32 another's kid": token_with_header({**AGREED, "kid": "pintar"}),
    "A32 an empty kid": token_with_header({**AGREED, "kid": ""}),
    "A32 no kid": token_with_header({"alg": "dir", "enc": "A256GCM"}),
    "A32 a kid that is a list": token_with_header({**AGREED, "kid": ["registration"]}),
    "A32 jku": token_with_header({**AGREED, "jku": "https://127.0.0.1/keys"}),
    "A32 x5u": token_with_header({**AGREED, "x5u": "https://127.0.0.1/keys"}),
    "A32 x5c": token_with_header({**AGREED, "x5c": ["AAAA"]}),
    "A32 jwk": token_with_header({**AGREED, "jwk": {"kty": "oct", "k": "AAAA"}}),
    "A36 zip": foreign({**AGREED, "zip": "DEF"}, json.dumps(IDENTITY).encode()),
    "A36 zip that unpacks to megabytes": foreign({**AGREED, "zip": "DEF"}, b" " * 4_000_000),
    "a kid twice": token_with_raw_header('{"alg":"dir","enc":"A256GCM","kid":"stranger","kid":"registration"}'),
    "an alg twice": token_with_raw_header('{"alg":"none","alg":"dir","enc":"A256GCM","kid":"registration"}'),
    "the same enc twice": token_with_raw_header('{"alg":"dir","enc":"A256GCM","enc":"A256GCM","kid":"registration"}'),
    "a header that is a list": token_with_header([AGREED]),
    "a header that is null": token_with_header(None),
    "a header that is no JSON": "AAAA." + WHOLE.split(".", 1)[1],
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_token_of_another_form_does_not_open(token: str) -> None:
    assert_bad_seal(lambda: programme_keys().open(token))


@pytest.mark.parametrize("token", [*TOKENS.values(), token_with_header({**AGREED, "kid": "a..b"}), "", WHOLE])
def test_compacted_token_expands_to_what_it_was(token: str) -> None:
    assert expand(compact(token)) == token


def test_compacted_token_keeps_only_the_kid_of_a_plain_header() -> None:
    empty = programme_keys().seal_bytes(b"")
    assert (expand(compact(empty)), compact(WHOLE)) == (empty, ".registration." + WHOLE.partition(".")[2])


def test_derived_keys_differ_and_are_always_the_same() -> None:
    ring, waiting = programme_keys(), programme_keys().derive("waiting")
    assert waiting.kids == tuple(f"{kid}/waiting" for kid in ring.kids)
    assert programme_keys().derive("waiting").open(waiting.seal(IDENTITY)) == IDENTITY
    for other in (ring, ring.derive("other")):
        assert_bad_seal(partial(other.open, waiting.seal(IDENTITY)))
        assert_bad_seal(partial(waiting.open, other.seal(IDENTITY)))
    assert ring.merge(waiting).open(waiting.seal(IDENTITY)) == IDENTITY


def test_name_of_a_key_is_read_from_any_token() -> None:
    assert kid_of(WHOLE) == "registration"
    assert kid_of(TOKENS["A32 an unknown kid"]) == "stranger"
    assert [kid_of(token) for token in ("", "hello", "AAAA..x", WHOLE[5:])] == [""] * 4


def test_token_made_by_hand_opens() -> None:
    assert programme_keys().open(token_with_header(AGREED)) == IDENTITY


def test_another_library_opens_what_we_seal() -> None:
    token = jwe.JWE()
    token.allowed_algs = ["dir", "A256GCM"]
    token.deserialize(WHOLE, jwk.JWK(**key_of("registration")))
    assert json.loads(token.payload) == IDENTITY
    assert token.jose_header == AGREED


def test_we_open_what_another_library_seals() -> None:
    assert programme_keys().open(foreign(AGREED, json.dumps(IDENTITY).encode())) == IDENTITY
    assert programme_keys().open(foreign({**AGREED, "typ": "JWE"}, b'{"sub":"x"}')) == {"sub": "x"}


def test_equal_plaintexts_have_different_tokens() -> None:
    assert programme_keys().seal(IDENTITY) != programme_keys().seal(IDENTITY)


@pytest.mark.parametrize("size", [0, 256 * 1024, 2 * 1024 * 1024])
def test_bytes_as_long_as_a_record_gets_open_again(size: int) -> None:
    data = b"\x00" * size
    assert programme_keys().open_bytes(programme_keys().seal_bytes(data)) == data


def test_the_first_key_seals_and_every_key_opens(tmp_path: Path) -> None:
    path = keys_folder() / "programme.jwks.json"
    keys = json.loads(path.read_text())["keys"]
    turned = tmp_path / "turned.jwks.json"
    turned.write_text(json.dumps({"keys": keys[::-1]}))
    ring = KeyRing.load(turned)
    assert ring.current == keys[-1]["kid"]
    assert ring.kids == tuple(key["kid"] for key in keys[::-1])
    assert ring.open(WHOLE) == IDENTITY


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"keys":[]}', '{"keys":7}', '{"keys":[7]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}'),
        '{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAA","kid":"short"}]}',
        '{"keys":[{"kty":"oct","k":"","kid":"empty"}]}',
        json.dumps({"keys": [key_of("registration")] * 2}),
    ],
)
def test_unusable_key_set_is_refused_when_it_is_loaded(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.jwks.json"
    path.write_text(text)
    with pytest.raises(Refused, match=r"some\.jwks\.json"):
        KeyRing.load(path)


UNFIT = ("", " one", "o ne", "one\n", "o\x00ne", "o\u200bne", "\u043ene", "x" * 65)


def many(*kids: object, keys: str = "") -> str:
    """Return a set with these kids; each has a key of its own, unless `keys` has a letter for each."""
    letters = keys or "".join(chr(ord("A") + n % 26) for n in range(len(kids)))
    made = [
        {"kty": "oct", "k": f"{n % 100 if not keys else 0:02}{x * 40}A", "kid": k}
        for n, (k, x) in enumerate(zip(kids, letters, strict=True))
    ]
    return json.dumps({"keys": made})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            many("one", "two", keys="AA"),
            r"one of .*some\.jwks\.json and two of .* are one key under two names: make another",
        ),
        (many("one", "two", "three", keys="ABA"), r"one of .* and three of .* are one key"),
        (many("one", "One"), r"names two keys alike, One: give each a kid of its own, not in case alone"),
        *((many(kid), r"has a kid that is not 1 to 64 printable ASCII characters") for kid in UNFIT),
        (many(*(f"k{n}" for n in range(65))), r"holds 65 keys: take out those that seal nothing any more, down to 64"),
    ],
)
def test_key_set_with_duplicate_keys_or_kids_is_refused_with_a_remedy(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "some.jwks.json"
    path.write_text(text)
    with pytest.raises(Refused, match=says):
        KeyRing.load(path)


def test_key_set_may_hold_64_keys(tmp_path: Path) -> None:
    path = tmp_path / "some.jwks.json"
    path.write_text(many(*(f"k{n}" for n in range(64))))
    assert len(KeyRing.load(path).kids) == 64


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"A" * 42, "holds less than 256 bits"),
        (b"", "holds less than 256 bits"),
        (b"A" * 43 + b"!", "is not one base64url text"),
        (b"A" * 43 + b"\n" + b"A" * 43, "is not one base64url text"),
        (b"\xff" * 43, "is not one base64url text"),
    ],
)
def test_key_file_that_holds_no_key_is_refused_by_its_name(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "some.key"
    path.write_bytes(text)
    with pytest.raises(Refused, match=rf"some\.key {says}"):
        read_key(path)


def test_key_file_is_read_with_or_without_padding(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    for text in ("_-" + "A" * 41, "_-" + "A" * 41 + "=", "_-" + "A" * 41 + "\n"):
        path.write_text(text)
        assert read_key(path) == b"\xff\xe0" + bytes(30)


def test_secret_is_never_printed() -> None:
    secret = Secret("3273015204960001")
    identity = OpenedIdentity(secret, "1996-04-12")
    account = ParticipantAccount(Secret("081200000001"), secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, f"{[secret]}", f"{identity}"]  # noqa: UP031
    for text in (*shown, f"{account!r}", f"{Parked(ParkReason.BAD_SEAL)!r}"):
        assert not any(plain in text for plain in ("3273015204960001", "1996-04-12", "081200000001"))


def test_secret_is_revealed_only_on_request_and_not_serialised() -> None:
    secret = Secret("3273015204960001")
    assert secret.reveal() == "3273015204960001"
    assert secret == Secret("3273015204960001")
    assert secret != "3273015204960001"
    for write in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            write(secret)


def test_equal_secrets_have_equal_keyed_hashes(tmp_path: Path) -> None:
    path = tmp_path / "index.key"
    path.write_text(urlsafe_b64encode(b"\x0b" * 32).decode())
    index = BlindIndex.load(path)
    # As OpenSSL computes it.
    assert index.hexdigest("Hi There") == "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
    assert index.digest("Hi There").hex() == index.hexdigest("Hi There")


def test_blind_index_needs_256_bits(tmp_path: Path) -> None:
    path = tmp_path / "index.key"
    path.write_text("AAAA")
    with pytest.raises(Refused, match="256 bits"):
        BlindIndex.load(path)


def test_seal_of_a_person_opens_under_key_and_secret_together_alone() -> None:
    ring, other = (KeyRing.load(keys_folder() / f"{name}.jwks.json") for name in ("enrollment", "payment"))
    secret = bytes(32)
    token = ring.seal_bytes(b"parked", secret=secret)
    assert (ring.open_bytes(token, secret=secret), token.startswith(ring.current_prefix)) == (b"parked", True)
    wrong: list[tuple[KeyRing, str, bytes | None]] = [
        (ring, token, None),
        (ring, token, b"1" * 32),
        (other, token, secret),
        (ring, ring.seal_bytes(b"parked"), secret),
    ]
    for opener, one, with_secret in wrong:
        with pytest.raises(Parked):
            opener.open_bytes(one, secret=with_secret)


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (b'{"identity":"%s"}', True),
        (b'{"account":{"partner":"gopay","sealed":\t"%s"}}', True),
        (b'{"reason":"see %s"}', False),
        (b'{"reason":"and so on .. and on"}', False),
        (None, False),
    ],
)
def test_sealed_field_is_found_in_a_json_text(value: bytes | None, *, holds: bool) -> None:
    token = KeyRing.load(keys_folder() / "programme.jwks.json").seal({"sub": "1"}).encode()
    assert holds_seal(value and value.replace(b"%s", token)) is holds
