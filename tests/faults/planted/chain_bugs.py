"""Bugs in how the ends of chains are sealed and checked."""

import hmac

import pytest

from shared.messaging.chain import ChainKey
from tests.faults.planted import chain_scenarios
from tests.faults.planted.bugs import Bug


def it_adds_to_a_chain_whose_seal_it_has_not_checked(product: pytest.MonkeyPatch) -> None:
    product.setattr(ChainKey, "confirm", lambda *_: None)


def it_takes_every_seal_for_its_own(product: pytest.MonkeyPatch) -> None:
    product.setattr(ChainKey, "fits", lambda *_: True)


def it_seals_an_end_without_saying_of_which_chain(product: pytest.MonkeyPatch) -> None:
    product.setattr(
        ChainKey, "_mac", lambda key, _, number, last: hmac.digest(key._key, b"%d|" % number + last, "sha256")
    )


BUGS = (
    Bug(
        it_adds_to_a_chain_whose_seal_it_has_not_checked,
        chain_scenarios.a_ledger_and_the_log_are_rewritten_and_continued,
        "passes for ours",
    ),
    Bug(
        it_takes_every_seal_for_its_own,
        chain_scenarios.a_ledger_and_the_log_are_rewritten_and_continued,
        "passes for ours",
    ),
    Bug(
        it_seals_an_end_without_saying_of_which_chain,
        chain_scenarios.a_ledger_is_put_in_the_place_of_another,
        "passes for ours",
    ),
)
