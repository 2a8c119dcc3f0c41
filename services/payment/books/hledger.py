"""The file of hledger: a comment with tags on each transaction, and assertions of all balances at the end."""

from collections.abc import Iterator, Sequence
from datetime import date

from services.payment.domain.ledger import Transfer, write_hashed_time
from services.payment.store.books import AccountTotals


def opening(totals: Sequence[AccountTotals], _first: date) -> Iterator[str]:
    """Yield what declares the commodity and each account, so that hledger's strict checks pass too."""
    yield "; Rupiah. Of each transfer: the ledger, its number there, and all that its hash covers."
    yield "commodity 1000. IDR"
    for one in totals:
        yield f"account {account_name(one.wave, one.component, one.account)}"


def transaction(transfer: Transfer, day: date) -> str:
    """Return a transfer as a transaction of two postings."""
    p = transfer.posting
    return (
        f"{day} {p.debit} from {p.credit}\n"
        f"    ; ledger:{p.lane}, number:{transfer.number}, at:{write_hashed_time(transfer.at)}, wave:{p.wave}, "
        f"component:{p.component}, reference:{p.reference or ''}, hash:{transfer.hash.hex()}\n"
        f"    {account_name(p.wave, p.component, p.debit)}  {p.amount} IDR\n"
        f"    {account_name(p.wave, p.component, p.credit)}  -{p.amount} IDR\n\n"
    )


def closing(totals: Sequence[AccountTotals], last: date) -> Iterator[str]:
    """Yield a transaction that moves nothing and asserts the balance of each account."""
    yield f"{last} the balances of Salur"
    for one in totals:
        yield f"    {account_name(one.wave, one.component, one.account)}  0 IDR = {one.balance} IDR"


def account_name(wave: str, component: str, account: str) -> str:
    """Return the name of an account; what a wave, component or account may be named needs no escape here."""
    return f"{wave}:{component}:{account}"
