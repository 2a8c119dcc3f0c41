"""Accounts of people who are not admitted rest under this service's own key."""

from collections.abc import Mapping

from services.enrollment.store.account import Account
from shared.contracts.sealed import KeyRing, Secret, open_number, seal_number
from shared.times import write_time


def seal_kept(own: KeyRing, account: Account, number: Secret) -> str:
    """The number, bound to whose account it is, where it is, and since when."""
    return seal_number(own, number, _stated(account))


def open_kept(own: KeyRing, account: Account) -> Secret:
    """Raises Parked(bad_seal) where row and seal differ."""
    assert account.sealed is not None
    return open_number(own, account.sealed, _stated(account))


def _stated(account: Account) -> Mapping[str, str]:
    return {
        "sub": account.participant_id,
        "partner": account.partner,
        "verified": str(account.verified),
        "linked_at": write_time(account.linked_at),
    }
