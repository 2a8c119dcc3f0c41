"""The refusal of one key in two sets: the holder of one set could seal for the other."""

import pytest
from asyncpg import Connection
from joserfc.jwk import OctKey

from shared.contracts.keys import fingerprint
from shared.contracts.seals import KeyRing
from shared.errors import Refused
from shared.runtime.data_identity import PinnedValue, RotatingKeys, count_parked_alone, data_identity_of

ONE, OTHER = (OctKey.generate_key(256) for _ in range(2))


async def proves(_: Connection) -> None:
    return None


def a_ring(kid: str, key: OctKey) -> KeyRing:
    return KeyRing({kid: key})


def test_one_key_in_two_sets_is_refused_by_both_names() -> None:
    rings = (
        RotatingKeys("programme", a_ring("registry", OTHER), count_parked_alone),
        RotatingKeys("bni", a_ring("b", ONE), count_parked_alone),
    )
    with pytest.raises(Refused, match=r"p of payment\.jwks\.json and b of bni\.jwks\.json are one key under two names"):
        data_identity_of("payment", a_ring("p", ONE), (), rings)
    data_identity_of("payment", a_ring("p", ONE), (), rings[:1])


def test_secret_that_is_also_a_key_of_a_set_is_refused() -> None:
    secret = PinnedValue("reference", "reference.key", fingerprint(ONE.raw_value), proves)
    with pytest.raises(Refused, match=r"reference\.key and p of payment\.jwks\.json are one key"):
        data_identity_of("payment", a_ring("p", ONE), (secret,))
    data_identity_of("payment", a_ring("p", OTHER), (secret,))


def test_one_secret_may_be_pinned_for_two_purposes() -> None:
    """The chains of a service are sealed under one key."""
    ends = [
        PinnedValue(name, "payment-chain.key", fingerprint(ONE.raw_value), proves) for name in ("books", "operations")
    ]
    data_identity_of("payment", a_ring("p", OTHER), ends)
