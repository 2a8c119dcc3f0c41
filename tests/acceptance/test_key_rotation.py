"""Keys of the programme, of a partner and of a service rotate while journeys flow; what is needed cannot be lost."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import httpx

from deploy.local.installation import Installation
from shared.contracts.seals import kid_of
from tests.acceptance.journey import Journey
from tests.acceptance.outsider import Outsider
from tests.acceptance.upstream import FEE, Upstream
from tests.timeouts import DEADLINE_SECONDS

Key = dict[str, Any]

FIRST_PERSON, NIK = 4810000000000060, "327301550595006"
PERSON = ("--who", "ani", "--why", "a rotation")


def test_keys_rotate_while_journeys_flow(installation: Installation, outsider: Outsider) -> None:
    Upstream(outsider, "48").open_programme()
    begun, bought = (_journey(outsider, number) for number in range(2))
    begun.admit()
    begun.buy()
    begun.complete()
    bought.admit()
    bought.buy()
    waiting = _journey(outsider, 2, wave="50")
    waiting.admit()
    assert _kid_of_cash(begun) == "gopay-1"

    _change(installation, "programme", lambda keys: [*keys, _successor(keys[0], "registration-2")])
    _change(installation, "gopay", lambda keys: [_successor(keys[0], "gopay-2"), *keys])
    for service, name in (("enrollment", "programme/registration-2"), ("payment", "gopay/gopay-2")):
        _await_known(installation, service, name)
    later = _journey(outsider, 3, kid="registration-2")
    later.admit()
    later.buy()
    for journey in (bought, later):
        journey.complete()
        assert _kid_of_cash(journey) == "gopay-2"

    _drop_too_early(installation)
    for journey in (begun, bought, later):
        _collect(journey)
    waiting.upstream.open_programme()
    waiting.buy()
    assert _keeping(installation, "enrollment", "registration") == {}
    assert _keeping(installation, "payment", "gopay-1") == {}
    _drop(installation, "programme", "registration")
    _drop(installation, "gopay", "gopay-1")
    for service, name in (("enrollment", "programme/registration"), ("payment", "gopay/gopay-1")):
        _await_gone(installation, service, name)
    waiting.complete()
    _collect(waiting)
    for service in ("enrollment", "payment"):
        installation.services[service].restart()
    assert _troubles(installation) == []


def test_own_key_of_payment_goes_when_all_is_sealed_again(installation: Installation, outsider: Outsider) -> None:
    payment = installation.services["payment"]
    journey = _journey(outsider, 4, kid="registration-2")
    journey.admit()
    journey.buy()
    _change(installation, "payment", lambda keys: [_successor(keys[0], "payment-2"), *keys])
    _await_known(installation, "payment", "payment/payment-2")
    assert set(_keeping(installation, "payment", "payment-1")) == {"accounts of participants", "accounts of providers"}
    owner = {"PAYMENT_MIGRATE_URL": payment.migrate_url}
    shown = payment.run("keys", "reseal", *PERSON, **owner)
    assert "to be sealed again under payment-2" in shown.stdout
    assert "nothing was changed" in shown.stdout
    assert payment.run("keys", "reseal", *PERSON, "--yes", **owner).returncode == 0
    assert _keeping(installation, "payment", "payment-1") == {}
    _drop(installation, "payment", "payment-1")
    _await_gone(installation, "payment", "payment/payment-1")
    journey.complete()
    _collect(journey)
    assert _troubles(installation) == []


def _drop_too_early(installation: Installation) -> None:
    """Take the old keys out while they are needed: it is refused by name, and nothing stops."""
    before = {name: _keys(installation, name) for name in ("programme", "gopay")}
    _drop(installation, "programme", "registration")
    _drop(installation, "gopay", "gopay-1")
    refusals = {
        "enrollment": "programme.jwks.json lacks the key registration, which still seals stored data",
        "payment": "gopay.jwks.json lacks the key gopay-1, which still seals stored data",
    }
    for service, refusal in refusals.items():
        _await_degraded(installation, service, refusal)
        refused = installation.services[service].run("verify")
        assert (refused.returncode, refusal in refused.stderr) == (2, True)
    assert _keeping(installation, "enrollment", "registration") == {"deferred records": 2}
    assert _keeping(installation, "payment", "gopay-1") == {"instructions at the partner": 1}
    for name, keys in before.items():
        _write(installation, name, keys)
    for service in refusals:
        _await_degraded(installation, service, "")


def _journey(outsider: Outsider, number: int, *, wave: str = "48", kid: str = "registration") -> Journey:
    upstream = Upstream(outsider, wave, kid)
    return Journey(upstream, str(FIRST_PERSON + number), f"{NIK}{number}", f"PRATROTATED{number}")


def _collect(journey: Journey) -> None:
    """Receive and report the fee and the incentive."""
    journey.pay_fee(FEE)
    journey.pay_cash("incentive_1", 600_000)


def _kid_of_cash(journey: Journey) -> str:
    _, instruction = journey.await_instruction("gopay", "incentive_1")
    return kid_of(instruction["payee"]["account"])


def _keys(installation: Installation, name: str) -> Sequence[Key]:
    keys: Sequence[Key] = json.loads((installation.keys / f"{name}.jwks.json").read_text())["keys"]
    return keys


def _change(installation: Installation, name: str, change: Callable[[Sequence[Key]], Sequence[Key]]) -> None:
    _write(installation, name, change(_keys(installation, name)))


def _write(installation: Installation, name: str, keys: Sequence[Key]) -> None:
    """Replace a key set at once."""
    path = installation.keys / f"{name}.jwks.json"
    making = path.with_suffix(".making")
    making.write_text(json.dumps({"keys": list(keys)}))
    making.replace(path)


def _successor(key: Key, kid: str) -> Key:
    """Return a new key that may do what this one may."""
    return {**key, "kid": kid, "k": secrets.token_urlsafe(32)}


def _drop(installation: Installation, name: str, kid: str) -> None:
    _change(installation, name, lambda keys: [key for key in keys if key["kid"] != kid])


def _known(installation: Installation, service: str) -> set[str]:
    """Return the keys that a process of the service has taken over."""

    async def ask() -> set[str]:
        connection = await asyncpg.connect(installation.postgres_url)
        rows = await connection.fetch(f"select name from {service}.fingerprint")
        await connection.close()
        return {row["name"] for row in rows}

    return asyncio.run(ask())


def _keeping(installation: Installation, service: str, kid: str) -> dict[str, int]:
    """Return what keeps a key in its set, as `keys list` shows it."""
    rows = json.loads(installation.services[service].run("keys", "list", "--json").stdout)
    return {row["place"]: row["number"] for row in rows if row["kid"] == kid and row["keeps_the_key"]}


def _degraded(installation: Installation, service: str) -> str:
    return " ".join(httpx.get(f"{installation.services[service].url}/health/ready").json()["degraded"])


def _troubles(installation: Installation) -> list[str]:
    """Return what is parked or degraded in any service."""
    found = []
    for name, service in installation.services.items():
        if httpx.get(f"{service.url}/parked").json()["groups"] or _degraded(installation, name):
            found.append(name)
    return found


def _await_known(installation: Installation, service: str, name: str) -> None:
    _until(lambda: name in _known(installation, service), f"{service} takes {name} over")


def _await_gone(installation: Installation, service: str, name: str) -> None:
    _until(lambda: name not in _known(installation, service), f"{service} lets {name} go")


def _await_degraded(installation: Installation, service: str, text: str) -> None:
    """Wait until the service says that, or with no text until it says nothing."""
    _until(
        lambda: text in (said := _degraded(installation, service)) and bool(said) == bool(text), f"{service}: {text}"
    )


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
