"""Seals of kept accounts: those of participants not admitted, under this service's own key."""

from collections.abc import Mapping

from services.enrollment.store.accounts import StoredAccount
from shared.contracts.seals import KeyRing, open_number, seal_number
from shared.contracts.secret import Secret
from shared.errors import InvariantBroken
from shared.times import write_time


def seal_kept_account(own: KeyRing, account: StoredAccount, number: Secret) -> str:
    """Seal the number, bound to its participant, partner and time."""
    return seal_number(own, number, _bound_fields(account))


def open_kept_account(own: KeyRing, account: StoredAccount) -> Secret:
    """Open the number. Raise Parked(bad_seal) where row and seal differ, InvariantBroken for a row without a seal."""
    if account.sealed is None:
        raise InvariantBroken(account.participant_id, "its kept account has no seal; find out who changed the row")
    return open_number(own, account.sealed, _bound_fields(account))


def _bound_fields(account: StoredAccount) -> Mapping[str, str]:
    return {
        "sub": account.participant_id,
        "partner": account.partner,
        "verified": str(account.verified),
        "linked_at": write_time(account.linked_at),
    }
