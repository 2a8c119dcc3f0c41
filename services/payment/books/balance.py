"""Balances: every account per wave and component, the identity that they keep, and what is open at partners."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection

from services.payment.domain.ledger import APPROPRIATION, CLAIMS, RETURNED
from services.payment.store.books import (
    AccountTotals,
    Leg,
    load_account_totals,
    load_clearing_legs,
    load_documented_money,
)

_CLEARING = "clearing:"


@dataclass(frozen=True, slots=True)
class Identity:
    """The terms of `appropriated = paid + returned + open` of a wave and component, in rupiah.

    `appropriated` is what the treasury's documents say, all else what the ledger says; the last four are open.
    """

    wave: str
    component: str
    appropriated: int
    paid: int
    returned: int
    appropriation: int
    reserved: int
    clearing: int
    claims: int

    @property
    def open(self) -> int:
        """Money that is neither paid nor returned."""
        return self.appropriation + self.reserved + self.clearing + self.claims

    @property
    def holds(self) -> bool:
        return self.appropriated == self.paid + self.returned + self.open

    def sentence(self) -> str:
        """Return the identity with its terms."""
        relation = "=" if self.holds else "IS NOT"
        return (
            f"wave {self.wave}, {self.component}: appropriated {self.appropriated} {relation} "
            f"paid {self.paid} + returned {self.returned} + open {self.open} (appropriation {self.appropriation}, "
            f"reserved {self.reserved}, clearing {self.clearing}, claims {self.claims})"
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """All accounts, the identity of each wave and component, and the open legs of clearing."""

    accounts: Sequence[AccountTotals]
    identities: Sequence[Identity]
    legs: Sequence[Leg]

    @property
    def holds(self) -> bool:
        return all(identity.holds for identity in self.identities)

    def select(self, wave: str | None, partner: str | None) -> "Balance":
        """Return what is of one wave; with a partner, of its clearing accounts alone, and every identity."""
        account = None if partner is None else f"{_CLEARING}{partner}"
        return Balance(
            [one for one in self.accounts if wave in (None, one.wave) and account in (None, one.account)],
            [one for one in self.identities if wave in (None, one.wave)],
            [one for one in self.legs if wave in (None, one.wave) and account in (None, one.account)],
        )


async def load_balance(connection: Connection) -> Balance:
    """Return the balance of the whole ledger, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        accounts = await load_account_totals(connection)
        documented = await load_documented_money(connection)
        return Balance(accounts, identities_of(accounts, documented), await load_clearing_legs(connection))


def identities_of(accounts: Iterable[AccountTotals], documented: Mapping[tuple[str, str], int]) -> list[Identity]:
    """Return the identity of each wave and component that has transfers or documents."""
    balances: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in accounts:
        balances[one.wave, one.component][one.account.partition(":")[0]] += one.balance
    return [
        Identity(
            wave,
            component,
            appropriated=documented.get((wave, component), 0),
            paid=balances[wave, component]["paid"],
            returned=balances[wave, component][RETURNED],
            appropriation=balances[wave, component][APPROPRIATION],
            reserved=balances[wave, component]["reserved"],
            clearing=balances[wave, component]["clearing"],
            claims=balances[wave, component][CLAIMS],
        )
        for wave, component in sorted(balances.keys() | documented.keys())
    ]


def age_of(since: datetime, now: datetime) -> timedelta:
    """Return how long a leg has been open, in whole seconds."""
    return timedelta(seconds=int((now - since).total_seconds()))
