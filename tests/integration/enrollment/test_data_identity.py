"""Another key of the index would let every NIK in again: enrollment refuses to work with it."""

import shutil
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

REFUSAL = "identity-index.key is not what these data were made with; put that back"


def identity(keys: Path) -> DataIdentity:
    service = definition(EnrollmentSettings(keys_folder=keys))
    fixed = (*ChainSeals.load(keys, "enrollment", service.chains).pinned(), *service.pinned)
    return data_identity_of("enrollment", KeyRing.load(keys / "enrollment.jwks.json"), fixed, service.rotating_keys)


@pytest.fixture
def made_anew(tmp_path: Path) -> DataIdentity:
    """All keys as they were, but the index's, which was lost and made anew."""
    keys, fresh = tmp_path / "keys", tmp_path / "fresh"
    shutil.copytree(keys_folder(), keys)
    make_keys(fresh, services=(), partners=())
    shutil.copy(fresh / "identity-index.key", keys)
    return identity(keys)


async def test_key_of_the_index_is_known_again_by_its_fingerprint(
    harness: EnrollmentHarness, made_anew: DataIdentity
) -> None:
    await identity(keys_folder()).save_fingerprints(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_purchase_that_is_kept_whole_proves_the_key(harness: EnrollmentHarness, made_anew: DataIdentity) -> None:
    admission = an_admission()
    late = a_purchase(admission.data["participant_id"], purchased_at=ADMITTED_AT + timedelta(days=20))
    await harness.receive(a_wave(), admission, late)
    await identity(keys_folder()).confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_account_that_was_announced_with_its_nik_proves_the_key(
    harness: EnrollmentHarness, made_anew: DataIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As accounts were announced before 1.0."""
    nik = a_nik()

    def as_before(*_: object, **said: Any) -> AccountLinked:
        return AccountLinked(account=seal({"sub": said["participant_id"], "number": "0812", "nik": nik}), **said)

    monkeypatch.setattr(accounts, "seal_linked_account", as_before)
    admission = an_admission(nik=nik)
    await harness.receive(a_wave(), admission, an_account(admission.data["participant_id"], nik=nik))
    await identity(keys_folder()).confirm(harness.connection)
    with pytest.raises(IdentityMismatch, match=REFUSAL):
        await made_anew.confirm(harness.connection)


async def test_data_that_hold_no_nik_any_more_are_taken_as_they_are(
    harness: EnrollmentHarness, made_anew: DataIdentity
) -> None:
    await harness.receive(a_wave(), an_admission())
    await made_anew.confirm(harness.connection)
