"""Sealed fields: the fields that decide where money goes must agree inside the seal and outside."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import upstream
from shared.contracts.events import EventType
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.sealed_fields import (
    open_identity,
    open_linked_account,
    open_participant_account,
    open_provider_account,
    seal_linked_account,
)
from shared.contracts.seals import KeyRing
from shared.contracts.secret import Secret
from shared.errors import Refused
from tests.builders import (
    ADMITTED_AT,
    Event,
    a_provider,
    an_account,
    an_admission,
    keys_folder,
    keys_of,
    programme_keys,
    seal,
)

PERSON, OTHER = "4810000000000017", "4810000000000025"
TIME = "2023-02-21T03:00:00Z"
HIDDEN: Mapping[str, Mapping[str, str]] = {
    "identity": {"nik": "3273015204960001", "birth_date": "1996-04-12"},
    "account": {"nik": "3273015204960001", "number": "081200000001"},
    "provider": {"name": "Lembaga", "number": "0123456789"},
}
STATED: Mapping[str, Mapping[str, str]] = {
    "identity": {"sub": PERSON, "wave": "48", "regency": "3273", "admitted_at": TIME},
    "account": {"sub": PERSON, "partner": "gopay", "kyc": "verified", "linked_at": TIME},
    "provider": {"sub": "LP0001", "partner": "bni", "version": "1"},
}
OTHERWISE = {
    "sub": "LP0002",
    "wave": "49",
    "regency": "3171",
    "admitted_at": "2023-02-21T03:00:01Z",
    "partner": "dana",
    "kyc": "unverified",
    "linked_at": "2023-02-22T03:00:00Z",
    "version": "2",
}
OPENERS: Mapping[str, Callable[[KeyRing, Any], object]] = {
    "identity": open_identity,
    "account": open_participant_account,
    "provider": open_provider_account,
}
TYPES: Mapping[str, EventType[Any]] = {
    "identity": upstream.PARTICIPANT_ADMITTED,
    "account": upstream.ACCOUNT_LINKED,
    "provider": upstream.PROVIDER_REGISTERED,
}
KINDS = tuple(TYPES)
FIELDS = [(kind, name) for kind in KINDS for name in (*STATED[kind], *HIDDEN[kind])]


def claims_of(kind: str) -> dict[str, Any]:
    return {**STATED[kind], **HIDDEN[kind]}


def sealed_event(kind: str, outside: Mapping[str, str], token: str) -> Event:
    """Return the event with these fields outside its seal."""
    match kind:
        case "identity":
            stated: dict[str, Any] = {name: outside[name] for name in ("wave", "regency", "admitted_at")}
            return an_admission(outside["sub"], identity=token, **stated)
        case "account":
            account = {"partner": outside["partner"], "sealed": token}
            stated = {name: outside[name] for name in ("kyc", "linked_at")}
            return an_account(outside["sub"], nik="", account=account, **stated)
    account = {"partner": outside["partner"], "sealed": token}
    return a_provider(outside["sub"], version=int(outside["version"]), account=account)


def opens(kind: str, event: Event, ring: KeyRing | None = None) -> bool:
    """Tell whether the token opens under the keys that may seal this type; it is bad_seal otherwise."""
    may_seal = TYPES[kind].name
    ring = ring or KeyRing.load(keys_folder() / "programme.jwks.json", may_seal=may_seal)
    data = event.type.parse_inbound(event.value)
    try:
        OPENERS[kind](ring, data)
    except Parked as refusal:
        if refusal.reason is not ParkReason.BAD_SEAL:
            raise
        return False
    return True


def sealed(kind: str, claims: Mapping[str, object]) -> str:
    return seal(claims, "registry" if kind == "provider" else "registration")


@pytest.mark.parametrize("kind", KINDS)
def test_seal_opens_where_inside_and_outside_agree(kind: str) -> None:
    assert opens(kind, sealed_event(kind, STATED[kind], sealed(kind, claims_of(kind))))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in STATED[kind]])
def test_seal_with_another_field_outside_is_bad(kind: str, name: str) -> None:
    """Another person, partner, standing, wave, place, version or time: a good seal is given nothing new."""
    other = OTHER if name == "sub" and kind != "provider" else OTHERWISE[name]
    assert not opens(kind, sealed_event(kind, {**STATED[kind], name: other}, sealed(kind, claims_of(kind))))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_seal_that_lacks_a_field_or_holds_no_text_in_it_is_bad(kind: str, name: str) -> None:
    claims = claims_of(kind)
    lacking = {other: value for other, value in claims.items() if other != name}
    for value in (None, 1, 1.0, True, [claims[name]], {"text": claims[name]}):
        assert not opens(kind, sealed_event(kind, STATED[kind], sealed(kind, {**claims, name: value})))
    assert not opens(kind, sealed_event(kind, STATED[kind], sealed(kind, lacking)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", ["phone", "Sub", "sub ", "", "kid", "salur_may_seal"])
def test_seal_that_holds_more_is_bad(kind: str, more: str) -> None:
    assert not opens(kind, sealed_event(kind, STATED[kind], sealed(kind, {**claims_of(kind), more: "x"})))


@pytest.mark.parametrize("kind", KINDS)
def test_seal_of_another_kind_is_bad(kind: str) -> None:
    for other in KINDS:
        claims = {**claims_of(other), "sub": STATED[kind]["sub"]}
        assert opens(kind, sealed_event(kind, STATED[kind], sealed(kind, claims))) == (other == kind)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        *(("kyc", text) for text in ("Verified", "VERIFIED", "verified ", "veri\u017fied", "\uff56erified", "")),
        *(("partner", text) for text in ("GoPay", "gop\u0430y", "gopay\u200b", "\uff47opay", "gopay\x00")),
        *(
            ("linked_at", text)
            for text in (
                *("2023-02-21T03:00:00.0Z", "2023-02-21T03:00:00.000000Z", "2023-02-21T03:00:00+00:00"),
                *("2023-02-21t03:00:00z", "2023-02-21 03:00:00Z", "2023-02-21T10:00:00+07:00", TIME + "\n"),
            )
        ),
        *(("sub", text) for text in ("4810000000000017 ", "\uff14810000000000017", "04810000000000017")),
    ],
    ids=ascii,
)
def test_texts_that_only_mean_the_same_do_not_agree(name: str, inside: str) -> None:
    assert not opens(
        "account", sealed_event("account", STATED["account"], sealed("account", {**claims_of("account"), name: inside}))
    )


@pytest.mark.parametrize("version", ["01", "1.0", "+1", " 1", "1e0", "\uff11", "\u0661", "0x1"], ids=ascii)
def test_version_is_written_in_one_way(version: str) -> None:
    assert not opens(
        "provider",
        sealed_event("provider", STATED["provider"], sealed("provider", {**claims_of("provider"), "version": version})),
    )


@pytest.mark.parametrize("written", ["2023-02-21T03:00:00.000Z", "2023-02-21T03:00:00.123456789Z"])
@pytest.mark.parametrize(("kind", "name"), [("identity", "admitted_at"), ("account", "linked_at")])
def test_time_agrees_as_it_was_written(kind: str, name: str, written: str) -> None:
    outside = {**STATED[kind], name: written}
    assert opens(kind, sealed_event(kind, outside, sealed(kind, {**claims_of(kind), name: written})))
    assert not opens(kind, sealed_event(kind, outside, sealed(kind, claims_of(kind))))


def test_text_agrees_however_json_spells_it() -> None:
    plaintext = json.dumps(claims_of("account")).replace("gopay", "\\u0067opay").encode()
    token = programme_keys().seal_bytes(plaintext, "registration")
    assert opens("account", sealed_event("account", STATED["account"], token))


NO_NUMBERS = ["", "1 2", "12-3", "٣", "1" * 35, "12\n"]
NO_PHONES = ["+", "+1234", "++62812", "62+812", "62812+", "+62 812", "+٣٣٣٣٣", "+" + "1" * 35, "+62812\n"]
NUMBERS = ["1", "ID99a", "1" * 34, "+6281234567890", "+12345", "+" + "1" * 34]


@pytest.mark.parametrize("kind", ["account", "provider"])
@pytest.mark.parametrize("number", [*NO_NUMBERS, *NO_PHONES, *NUMBERS], ids=ascii)
def test_account_number_is_one_and_is_kept_as_it_was_written(kind: str, number: str) -> None:
    event = sealed_event(kind, STATED[kind], sealed(kind, {**claims_of(kind), "number": number}))
    assert opens(kind, event) == (number in NUMBERS)
    if number in NUMBERS:
        opened: Any = OPENERS[kind](programme_keys(), event.type.parse_inbound(event.value))
        assert opened.number == Secret(number)


@pytest.mark.parametrize("kid", ["registration", "registry"])
@pytest.mark.parametrize("kind", KINDS)
def test_key_opens_only_what_it_may_seal(kind: str, kid: str) -> None:
    event = sealed_event(kind, STATED[kind], seal(claims_of(kind), kid))
    assert opens(kind, event) == ((kid == "registry") == (kind == "provider"))


def a_set(folder: Path, **may_seal: object) -> Path:
    """Write the programme's keys, these among them with this member, or without it if None."""
    keys = json.loads((keys_folder() / "programme.jwks.json").read_text())["keys"]
    for key in keys:
        if key["kid"] in may_seal:
            key["salur_may_seal"] = may_seal[key["kid"]]
            if may_seal[key["kid"]] is None:
                del key["salur_may_seal"]
    path = folder / "programme.jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    return path


@pytest.mark.parametrize(
    "nothing", [None, [], ["salur.registration.account_linked.v2", "*", "Salur.Registration.Account_linked.v1"]]
)
def test_key_that_names_nothing_may_seal_nothing(tmp_path: Path, nothing: object) -> None:
    account = upstream.ACCOUNT_LINKED.name
    path = a_set(tmp_path, registration=nothing, registry=[account])
    ring = KeyRing.load(path, may_seal=account)
    assert ring.kids == ("registry",)
    assert not opens("account", sealed_event("account", STATED["account"], seal(claims_of("account"))), ring)


def test_key_set_without_a_key_for_the_event_type_is_refused(tmp_path: Path) -> None:
    path = a_set(tmp_path, registration=None)
    with pytest.raises(Refused, match="salur_may_seal"):
        KeyRing.load(path, may_seal=upstream.ACCOUNT_LINKED.name)


@pytest.mark.parametrize("malformed", ["salur.registration.account_linked.v1", {}, 1, [1], [None]])
def test_set_with_a_malformed_list_is_refused(tmp_path: Path, malformed: object) -> None:
    path = a_set(tmp_path, registration=malformed)
    for may_seal in (None, upstream.ACCOUNT_LINKED.name):
        with pytest.raises(Refused, match=r"programme\.jwks\.json"):
            KeyRing.load(path, may_seal=may_seal)


@pytest.mark.parametrize("owner", ["enrollment", "completion", "payment", "accounts", "gopay"])
def test_key_of_salur_or_a_partner_opens_nothing_of_a_producer(owner: str) -> None:
    for kind in KINDS:
        assert not opens(kind, sealed_event(kind, STATED[kind], keys_of(owner).seal(claims_of(kind))))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("participant_id", OTHER), ("partner", "dana"), ("verified", False), ("same_identity", False)),
        ("linked_at", ADMITTED_AT.replace(microsecond=1)),
    ],
)
def test_linked_account_of_enrollment_opens_for_payment(name: str, other: object) -> None:
    ring, facts = keys_of("accounts"), {"partner": "gopay", "verified": True, "same_identity": True}
    announced = seal_linked_account(ring, Secret("0812"), participant_id=PERSON, linked_at=ADMITTED_AT, **facts)
    assert open_linked_account(ring, announced) == Secret("0812")
    with pytest.raises(Parked, match="bad_seal"):
        open_linked_account(ring, announced.model_copy(update={name: other}))
