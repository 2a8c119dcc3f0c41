"""Seals: each binds the end of one chain of one service, and needs the key."""

from pathlib import Path

import pytest

from deploy.local.keys import make_keys
from shared.errors import Refused
from shared.messaging.chain import GENESIS, BrokenChain, ChainKey, file_of

KEY = ChainKey("payment", b"1" * 32)
HASH = b"h" * 32


def test_end_fits_the_key_that_sealed_it() -> None:
    KEY.confirm(KEY.seal("book 3", 7, HASH))


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "book 4"},
        {"chain": "operations"},
        {"number": 8},
        {"hash": GENESIS},
        {"seal": None},
        {"seal": b""},
        {"seal": bytes(32)},
        {"seal": HASH},
    ],
)
def test_changed_end_does_not_fit(change: dict[str, object]) -> None:
    head = KEY.seal("book 3", 7, HASH)._replace(**change)  # type: ignore[arg-type]
    assert not KEY.fits(head)
    with pytest.raises(BrokenChain, match=f"{head.chain}: the end at {head.number} has"):
        KEY.confirm(head)


@pytest.mark.parametrize("other", [ChainKey("payment", b"2" * 32), ChainKey("enrollment", b"1" * 32)])
def test_seal_of_another_key_or_service_does_not_fit(other: ChainKey) -> None:
    assert not other.fits(KEY.seal("operations", 7, HASH))


def test_seal_separates_number_and_chain() -> None:
    assert KEY.seal("book 1", 12, HASH).seal != KEY.seal("book 11", 2, HASH).seal


def test_each_service_has_its_own_key_and_a_missing_one_is_named(tmp_path: Path) -> None:
    make_keys(tmp_path, services=("payment", "enrollment"), partners=())
    keys = [ChainKey.load(tmp_path, service) for service in ("payment", "enrollment")]
    assert keys[0].fingerprint != keys[1].fingerprint
    (tmp_path / file_of("payment")).unlink()
    with pytest.raises(Refused, match=r"payment-chain.key is missing.*put it back"):
        ChainKey.load(tmp_path, "payment")
    (tmp_path / file_of("payment")).write_text("c2hvcnQ")
    with pytest.raises(Refused, match="less than 256 bits"):
        ChainKey.load(tmp_path, "payment")
