"""Opens a payee's account only to seal it again for the partner that pays into it."""

from services.payment.domain.fitness import Account
from services.payment.domain.right import Payee
from shared.contracts.reasons import Parked
from shared.contracts.sealed import KeyRing, Secret, open_participant_account, open_provider_account


class Accounts:
    """Account numbers opened during one use case; those of providers come up again and again."""

    def __init__(self, upstream: KeyRing) -> None:
        self._upstream = upstream
        self._opened: dict[str, Secret | None] = {}

    def number(self, account: Account, payee: Payee, subject: str) -> Secret | None:
        """The account number of this payee; None if the seal, once good, does not open any more."""
        if account.sealed not in self._opened:
            self._opened[account.sealed] = self._open(account.sealed, payee, subject)
        return self._opened[account.sealed]

    def _open(self, sealed: str, payee: Payee, subject: str) -> Secret | None:
        try:
            if payee is Payee.PROVIDER:
                return open_provider_account(self._upstream, sealed, subject).number
            return open_participant_account(self._upstream, sealed, subject).number
        except Parked:
            return None


def seal_for(partner: KeyRing, number: Secret, reference: str) -> str:
    """The number, for this partner's eyes and this reference only."""
    return partner.seal({"sub": reference, "number": number.reveal()})
