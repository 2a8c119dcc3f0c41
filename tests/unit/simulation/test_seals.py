"""Seals of the outside world and Salur's own: each opens the other's."""

import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from deploy.simulation.seals import Seals
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing
from tests.builders import keys_folder

CLAIMS = {"sub": "4810000000000017", "nik": "3273015204960001", "birth_date": "1996-04-12"}


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    return KeyRing.load(keys_folder() / "programme.jwks.json")


@pytest.fixture(scope="module")
def seals() -> Seals:
    return Seals.load(keys_folder() / "programme.jwks.json")


def test_salur_opens_what_a_producer_seals(ring: KeyRing, seals: Seals) -> None:
    for kid in ring.kids:
        assert ring.open(seals.seal(CLAIMS, kid)) == CLAIMS


def test_partner_opens_what_salur_seals(ring: KeyRing, seals: Seals) -> None:
    assert seals.open(ring.seal(CLAIMS)) == CLAIMS


def test_first_key_is_current_and_no_two_seals_are_equal(ring: KeyRing, seals: Seals) -> None:
    assert ring.open(seals.seal(CLAIMS)) == CLAIMS
    assert seals.seal(CLAIMS) != seals.seal(CLAIMS)


def test_seal_of_another_key_does_not_open(ring: KeyRing, seals: Seals, tmp_path: Path) -> None:
    kid = ring.kids[0]
    other = {"keys": [{"kty": "oct", "kid": kid, "k": "A" * 43}]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    another = Seals.load(tmp_path / "other.json")
    with pytest.raises(InvalidTag):
        seals.open(another.seal(CLAIMS))
    with pytest.raises(Parked):
        ring.open(another.seal(CLAIMS))
