"""Data identity: payment refuses another programme or key, under which references would differ."""

import json
import re
import shutil
from pathlib import Path

import pytest

from deploy.local.keys import make_keys
from services.payment.app import definition
from services.payment.settings import PaymentSettings
from shared.contracts.seals import KeyRing
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.data_identity import DataIdentity, IdentityMismatch, data_identity_of
from tests.builders import PROVIDER, a_provider, keys_folder, programme_keys
from tests.integration.payment.facts import journey
from tests.integration.payment.harness import PaymentHarness

REFUSALS = {
    "programme": "PAYMENT_PROGRAMME (kartu) is not the one these data were made with; restore that one",
    "reference": "reference.key is not the one",
    "account-index": "account-index.key is not the one",
}
UNKNOWN_YET = {
    **REFUSALS,
    "programme": "reference.key, or PAYMENT_PROGRAMME (kartu), is not the one",
    "reference": "reference.key, or PAYMENT_PROGRAMME (prakerja), is not the one",
}


def identity(keys: Path, programme: str = "prakerja") -> DataIdentity:
    service = definition(PaymentSettings(keys_folder=keys, programme=programme))
    fixed = (*ChainSeals.load(keys, "payment", service.chains).pinned(), *service.pinned)
    return data_identity_of("payment", KeyRing.load(keys / "payment.jwks.json"), fixed, service.rotating_keys)


def changed(name: str, tmp_path: Path) -> DataIdentity:
    """Return the context with one thing replaced."""
    keys, fresh = tmp_path / "keys", tmp_path / "fresh"
    shutil.copytree(keys_folder(), keys)
    if name == "programme":
        return identity(keys, "kartu")
    make_keys(fresh, services=(), partners=())
    shutil.copy(fresh / f"{name}.key", keys)
    return identity(keys)


@pytest.mark.parametrize("name", REFUSALS)
async def test_keys_of_references_are_recognized_by_their_fingerprints(
    harness: PaymentHarness, tmp_path: Path, name: str
) -> None:
    before = identity(keys_folder())
    await before.save_fingerprints(harness.connection)
    await before.confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=re.escape(REFUSALS[name])):
        await changed(name, tmp_path).confirm(harness.connection)


@pytest.mark.parametrize("name", REFUSALS)
async def test_data_without_fingerprints_prove_keys_by_derived_values(
    harness: PaymentHarness, tmp_path: Path, name: str
) -> None:
    await harness.receive(a_provider(number="0123456789"))
    await rest_as_before(harness, "registry")
    await harness.prepare()
    await harness.receive(*journey())
    await identity(keys_folder()).confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=re.escape(UNKNOWN_YET[name])):
        await changed(name, tmp_path).confirm(harness.connection)


async def test_producers_key_may_be_removed_when_it_seals_nothing(harness: PaymentHarness, tmp_path: Path) -> None:
    shutil.copytree(keys_folder(), keys := tmp_path / "keys")
    path, now = keys / "programme.jwks.json", (keys / "programme.jwks.json").read_text()
    retired = {"kty": "oct", "k": "A" * 43, "kid": "pintar", "use": "enc"}
    path.write_text(json.dumps({"keys": [*json.loads(now)["keys"], retired]}))
    await identity(keys).save_fingerprints(harness.connection)
    await harness.receive(a_provider())
    await rest_as_before(harness, "pintar", KeyRing.load(path))
    path.write_text(now)
    with pytest.raises(IdentityMismatch, match=r"programme\.jwks\.json lacks the key pintar, which still seals"):
        await identity(keys).confirm(harness.connection)
    await harness.connection.execute("delete from provider")
    await identity(keys).confirm(harness.connection)


async def rest_as_before(harness: PaymentHarness, kid: str, ring: KeyRing | None = None) -> None:
    """Keep the provider's account as upstream had sealed it before the migration `own_seals`."""
    claims = {"sub": PROVIDER, "number": "0123456789", "name": "Lembaga Pelatihan"}
    token = (ring or programme_keys()).seal(claims, kid)
    await harness.connection.execute("update provider set account = $1", token)
