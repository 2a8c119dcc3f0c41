"""Accounts of people who are not admitted rest under this service's own key."""

from collections.abc import Mapping

from services.enrollment.store.accounts import StoredAccount
from shared.contracts.seals import KeyRing, Secret, open_number, seal_number
from shared.times import write_time


def seal_kept_account(own: KeyRing, account: StoredAccount, number: Secret) -> str:
    """The number, bound to whose account it is, where it is, and since when."""
    return seal_number(own, number, _bound_fields(account))


def open_kept_account(own: KeyRing, account: StoredAccount) -> Secret:
    """Raises Parked(bad_seal) where row and seal differ."""
    assert account.sealed is not None
    return open_number(own, account.sealed, _bound_fields(account))


def _bound_fields(account: StoredAccount) -> Mapping[str, str]:
    return {
        "sub": account.participant_id,
        "partner": account.partner,
        "verified": str(account.verified),
        "linked_at": write_time(account.linked_at),
    }
