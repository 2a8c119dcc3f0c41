"""Seals of accounts: kept under payment's own key, each bound to its payee and partner.

An account is opened only to be sealed for the partner that pays into it.
"""

import json
from collections.abc import Mapping

from services.payment.domain.entitlement import Payee
from services.payment.store.accounts import KeptAccount
from shared.contracts.blind_index import BlindIndex
from shared.contracts.park_reasons import Parked
from shared.contracts.seals import KeyRing, number_of, open_claims, open_number, seal_number
from shared.contracts.secret import Secret


class OpenedAccounts:
    """Account numbers opened during one use case; a provider's is needed many times."""

    def __init__(self, own: KeyRing) -> None:
        self._own = own
        self._opened: dict[KeptAccount, Secret | None] = {}

    def number(self, kept: KeptAccount) -> Secret | None:
        """Return the number of an account; None if it was sealed for another payee or partner, or does not open."""
        if kept not in self._opened:
            self._opened[kept] = self._open(kept)
        return self._opened[kept]

    def _open(self, kept: KeptAccount) -> Secret | None:
        try:
            return open_own(self._own, kept)
        except Parked:
            return None


def seal_own(own: KeyRing, payee: Payee, subject: str, partner: str, number: Secret) -> str:
    """Seal a number under payment's own key, for this payee at this partner only."""
    return seal_number(own, number, _bound_to(payee, subject, partner))


def open_own(own: KeyRing, kept: KeptAccount) -> Secret:
    """Open an account; raise Parked(bad_seal) when it was sealed for another payee or partner."""
    return open_number(own, kept.token, _bound_to(kept.payee, kept.subject, kept.partner))


def index_of(index: BlindIndex, partner: str, number: Secret) -> bytes:
    """Return the keyed hash of an account: equal for the same number at the same partner, whoever has it."""
    return index.digest(json.dumps([partner, number.reveal()]))


def open_legacy(upstream: KeyRing, token: str, payee: Payee, subject: str) -> Secret:
    """Open a seal of before the migration `own_seals`; raise Parked(bad_seal) when it does not fit.

    Such a seal was made by upstream, and bound to the payee alone.
    """
    other = "name" if payee is Payee.PROVIDER else "nik"
    return number_of(open_claims(upstream, token, {"sub": subject}, "number", other))


def seal_for_partner(partner: KeyRing, number: Secret, reference: str) -> str:
    """Seal a number for one partner and one reference."""
    return partner.seal({"sub": reference, "number": number.reveal()})


def _bound_to(payee: Payee, subject: str, partner: str) -> Mapping[str, str]:
    return {"payee": payee, "sub": subject, "partner": partner}
