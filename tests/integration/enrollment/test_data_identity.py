"""Identity of the data: with another index key every NIK could be admitted again, so the service refuses it."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.keys import make_keys
from services.enrollment.app import definition
from services.enrollment.handlers import accounts
from services.enrollment.settings import EnrollmentSettings
from shared.contracts.enrollment import AccountLinked
from shared.contracts.seals import KeyRing
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.data_identity import DataIdentity, IdentityMismatch, data_identity_of
from tests.builders import ADMITTED_AT, a_nik, a_purchase, a_wave, an_account, an_admission, keys_folder, seal
from tests.integration.enrollment.harness import EnrollmentHarness

REFUSAL = "identity-index.key is not the one these data were made with; restore that one"


def identity(keys: Path) -> DataIdentity:
    service = definition(EnrollmentSettings(keys_folder=keys))
    fixed = (*ChainSeals.load(keys, "enrollment", service.chains).pinned(), *service.pinned)
    return data_identity_of("enrollment", KeyRing.load(keys / "enrollment.jwks.json"), fixed, service.rotating_keys)


@pytest.fixture
def made_anew(tmp_path: Path) -> DataIdentity:
    """Return the identity under the same keys, except a new index key."""
    keys, fresh = tmp_path / "keys", tmp_path / "fresh"
    shutil.copytree(keys_folder(), keys)
    make_keys(fresh, services=(), partners=())
    shutil.copy(fresh / "identity-index.key", keys)
    return identity(keys)


async def test_other_index_key_is_refused_by_its_fingerprint(
    harness: EnrollmentHarness, made_anew: DataIdentity
) -> None:
    await identity(keys_folder()).save_fingerprints(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_other_index_key_is_refused_by_a_stored_purchase(
    harness: EnrollmentHarness, made_anew: DataIdentity
) -> None:
    admission = an_admission()
    late = a_purchase(admission.data["participant_id"], purchased_at=ADMITTED_AT + timedelta(days=20))
    await harness.receive(a_wave(), admission, late)
    await identity(keys_folder()).confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_other_index_key_is_refused_by_an_announced_account(
    harness: EnrollmentHarness, made_anew: DataIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    nik = a_nik()

    def as_before(*_: object, **fields: Any) -> AccountLinked:
        return AccountLinked(account=seal({"sub": fields["participant_id"], "number": "0812", "nik": nik}), **fields)

    monkeypatch.setattr(accounts, "seal_linked_account", as_before)
    admission = an_admission(nik=nik)
    await harness.receive(a_wave(), admission, an_account(admission.data["participant_id"], nik=nik))
    await identity(keys_folder()).confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_any_index_key_is_accepted_for_data_without_a_nik(
    harness: EnrollmentHarness, made_anew: DataIdentity
) -> None:
    await harness.receive(a_wave(), an_admission())
    await made_anew.confirm(harness.connection)


async def test_changed_or_missing_version_of_a_scheme_is_refused(harness: EnrollmentHarness) -> None:
    now = identity(keys_folder())
    await now.save_fingerprints(harness.connection)
    await now.confirm(harness.connection)
    version = next(one for one in now.pinned if one.name == "scheme.semi-bansos-2020.1")
    changed = DataIdentity([replace(version, value="other rules")], now.rotating_keys)
    with pytest.raises(IdentityMismatch, match=r"the scheme semi-bansos-2020\.1 is not the one these data were made"):
        await changed.confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=r"the scheme semi-bansos-2020\.1 is missing.*; restore it"):
        await now.without(version.label).confirm(harness.connection)
