"""Another key of the index would let every NIK in again: enrollment refuses to work with it."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.keys import make_keys
from services.enrollment.app import parts
from services.enrollment.handlers import account
from services.enrollment.settings import EnrollmentSettings
from shared.contracts.enrollment import AccountLinked
from shared.contracts.sealed import KeyRing
from shared.runtime.identity import Identity, WrongIdentity, identity_of
from shared.runtime.sealing import Sealing
from tests.builders import ADMITTED_AT, a_nik, a_purchase, a_wave, an_account, an_admission, keys_folder, seal
from tests.integration.enrollment.bench import Bench

REFUSAL = "identity-index.key is not what these data were made with; put that back"


def identity(keys: Path) -> Identity:
    service = parts(EnrollmentSettings(keys_folder=keys))
    fixed = (*Sealing.load(keys, "enrollment", service.chains).fixed(), *service.fixed)
    return identity_of("enrollment", KeyRing.load(keys / "enrollment.jwks.json"), fixed, service.rings)


@pytest.fixture
def made_anew(tmp_path: Path) -> Identity:
    """All keys as they were, but the index's, which was lost and made anew."""
    keys, fresh = tmp_path / "keys", tmp_path / "fresh"
    shutil.copytree(keys_folder(), keys)
    make_keys(fresh, services=(), partners=())
    shutil.copy(fresh / "identity-index.key", keys)
    return identity(keys)


async def test_key_of_the_index_is_known_again_by_its_fingerprint(bench: Bench, made_anew: Identity) -> None:
    await identity(keys_folder()).note(bench.connection)
    with pytest.raises(WrongIdentity, match=REFUSAL):
        await made_anew.confirm(bench.connection)


async def test_purchase_that_is_kept_whole_proves_the_key(bench: Bench, made_anew: Identity) -> None:
    told = an_admission()
    late = a_purchase(told.data["participant_id"], purchased_at=ADMITTED_AT + timedelta(days=20))
    await bench.receive(a_wave(), told, late)
    await identity(keys_folder()).confirm(bench.connection)
    with pytest.raises(WrongIdentity, match=REFUSAL):
        await made_anew.confirm(bench.connection)


async def test_account_that_was_announced_with_its_nik_proves_the_key(
    bench: Bench, made_anew: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As accounts were announced before 1.0."""
    nik = a_nik()

    def as_before(*_: object, **said: Any) -> AccountLinked:
        return AccountLinked(account=seal({"sub": said["participant_id"], "number": "0812", "nik": nik}), **said)

    monkeypatch.setattr(account, "linked_account", as_before)
    told = an_admission(nik=nik)
    await bench.receive(a_wave(), told, an_account(told.data["participant_id"], nik=nik))
    await identity(keys_folder()).confirm(bench.connection)
    with pytest.raises(WrongIdentity, match=REFUSAL):
        await made_anew.confirm(bench.connection)


async def test_data_that_hold_no_nik_any_more_are_taken_as_they_are(bench: Bench, made_anew: Identity) -> None:
    await bench.receive(a_wave(), an_admission())
    await made_anew.confirm(bench.connection)
