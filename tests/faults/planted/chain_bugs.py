"""Planted bugs in sealing and checking the heads of hash chains."""

import hmac

import pytest

from shared.messaging.chain import ChainKey
from tests.faults.planted import chain_scenarios
from tests.faults.planted.bugs import Bug


def it_appends_to_a_chain_without_checking_its_seal(product: pytest.MonkeyPatch) -> None:
    product.setattr(ChainKey, "confirm", lambda *_: None)


def it_accepts_every_seal(product: pytest.MonkeyPatch) -> None:
    product.setattr(ChainKey, "fits", lambda *_: True)


def it_seals_a_head_without_naming_its_chain(product: pytest.MonkeyPatch) -> None:
    product.setattr(
        ChainKey, "_mac", lambda key, _, number, last: hmac.digest(key._key, b"%d|" % number + last, "sha256")
    )


BUGS = (
    Bug(
        it_appends_to_a_chain_without_checking_its_seal,
        chain_scenarios.a_ledger_and_the_log_are_rewritten_and_continued,
        "passes for ours",
    ),
    Bug(
        it_accepts_every_seal,
        chain_scenarios.a_ledger_and_the_log_are_rewritten_and_continued,
        "passes for ours",
    ),
    Bug(
        it_seals_a_head_without_naming_its_chain,
        chain_scenarios.a_ledger_is_put_in_the_place_of_another,
        "passes for ours",
    ),
)
