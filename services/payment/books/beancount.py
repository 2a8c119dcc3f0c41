"""The file of beancount: metadata on each transaction, and assertions of all balances at the end."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from services.payment.domain.ledger import Transfer, write_hashed_time
from services.payment.store.books import AccountTotals

_ROOTS = {"treasury": "Equity", "returned": "Equity", "paid": "Expenses"}
_OTHER = re.compile(r"[^A-Za-z0-9]", re.ASCII)


def opening(totals: Sequence[AccountTotals], first: date) -> Iterator[str]:
    """Yield what opens each account on the day of the first transfer."""
    yield "; Rupiah. Of each transfer: the ledger, its number there, and all that its hash covers."
    yield 'option "operating_currency" "IDR"'
    for one in totals:
        yield f"{first} open {account_name(one.wave, one.component, one.account)} IDR"


def transaction(transfer: Transfer, day: date) -> str:
    """Return a transfer as a transaction of two postings."""
    p = transfer.posting
    return (
        f'{day} * "{p.debit} from {p.credit}"\n'
        f'  ledger: "{p.lane}"\n'
        f'  number: "{transfer.number}"\n'
        f'  at: "{write_hashed_time(transfer.at)}"\n'
        f'  wave: "{p.wave}"\n'
        f'  component: "{p.component}"\n'
        f'  reference: "{p.reference or ""}"\n'
        f'  hash: "{transfer.hash.hex()}"\n'
        f"  {account_name(p.wave, p.component, p.debit)}  {p.amount} IDR\n"
        f"  {account_name(p.wave, p.component, p.credit)}  -{p.amount} IDR\n\n"
    )


def closing(totals: Sequence[AccountTotals], last: date) -> Iterator[str]:
    """Yield the balance of each account; beancount compares it at the beginning of a day, so of the next one."""
    for one in totals:
        name = account_name(one.wave, one.component, one.account)
        yield f"{last + timedelta(days=1)} balance {name}  {one.balance} IDR"


def account_name(wave: str, component: str, account: str) -> str:
    """Return the name of an account; no two accounts, waves or components have the same."""
    root = _ROOTS.get(account.partition(":")[0], "Assets")
    return ":".join((root, *map(escape, (wave, component, *account.split(":")))))


def escape(text: str) -> str:
    """Return a part of an account's name: letters, digits and hyphens, with a capital or a digit first.

    No two texts have the same part: a small letter in front becomes a capital, and anything else that is not a digit
    follows `X-`; each other character becomes `-` and two hexadecimal digits for each of its bytes.
    """
    first, rest = text[:1], _OTHER.sub(_hexadecimal, text[1:])
    if re.fullmatch(r"[0-9]", first):
        return first + rest
    if re.fullmatch(r"[a-z]", first):
        return first.upper() + rest
    return f"X-{_escaped(first)}{rest}"


def _hexadecimal(match: re.Match[str]) -> str:
    return _escaped(match.group())


def _escaped(character: str) -> str:
    return "".join(f"-{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
