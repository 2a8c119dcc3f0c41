"""Planted bugs in making and opening seals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.payment.payout import account_seals
from shared.contracts import sealed_fields
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.seals import KeyRing
from tests.faults.planted import seal_scenarios
from tests.faults.planted.bugs import Bug


def it_lets_every_key_seal_everything(product: pytest.MonkeyPatch) -> None:
    load = KeyRing.load

    def whole(path: Path, *, may_seal: str | None = None) -> KeyRing:  # noqa: ARG001 - that is the bug
        return load(path)

    product.setattr(KeyRing, "load", whole)


def it_checks_only_the_subject_of_a_seal(product: pytest.MonkeyPatch) -> None:
    """Ignore whether the other sealed claims differ from the fields outside."""

    def lenient(ring: KeyRing, token: str, stated: Mapping[str, str], *_: str) -> dict[str, Any]:
        claims = ring.open(token)
        if claims["sub"] != stated["sub"]:
            raise Parked(ParkReason.BAD_SEAL)
        return claims

    product.setattr(sealed_fields, "open_claims", lenient)


def it_binds_a_stored_account_to_nobody(product: pytest.MonkeyPatch) -> None:
    product.setattr(account_seals, "_bound_to", lambda *_: {})


BUGS = (
    Bug(it_lets_every_key_seal_everything, seal_scenarios.a_seal_is_copied_and_another_forged, "that nobody linked"),
    Bug(it_checks_only_the_subject_of_a_seal, seal_scenarios.a_seal_is_copied_and_another_forged, "that nobody linked"),
    Bug(
        it_binds_a_stored_account_to_nobody,
        seal_scenarios.an_account_is_moved_in_its_row,
        "somebody else's incentive",
    ),
)
