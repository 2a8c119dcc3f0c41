"""The books: double entry, one row per transfer, each row sealing the one before.

Value moves from `credit` to `debit`. Per wave and component:

    appropriate   treasury            -> appropriation         in the treasury's own book
    reserve       appropriation       -> reserved:<component>  a lane draws a block of money
    give back     reserved:<component>-> appropriation         a lane returns what it does not need, or what lies in
                                                               any lane's purse is taken back, in the funds' own book
    instruct      reserved:<component>-> clearing:<partner>
    settle        clearing:<partner>  -> paid:<kind>
    reject        clearing:<partner>  -> reserved:<component>
    confirm       reserved:<component>-> clearing:<partner> -> paid:<kind>, under a reference that was rejected

So appropriated = paid + open at every moment, where open = appropriation + reserved + clearing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import NamedTuple

from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Component, kind_of
from shared.errors import InvariantBroken

TREASURY_LEDGER = -1
"""The book of what touches no lane; it stands in place of a lane's number."""
FUNDS_LEDGER = -2
"""The book of money taken back out of purses: whoever holds the fund writes it, for only its owner writes a lane's."""
GENESIS = bytes(32)
TREASURY = "treasury"
APPROPRIATION = "appropriation"


class Posting(NamedTuple):
    """One movement of money, not yet in a book. `amount` in rupiah, more than 0."""

    lane: int
    wave: str
    component: Component
    debit: str
    credit: str
    amount: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The last row of a book: its number (0: none yet) and its hash."""

    number: int = 0
    hash: bytes = GENESIS


class Transfer(NamedTuple):
    """A posting in its book. `hash` is 32 bytes over the previous hash and this row."""

    number: int
    posting: Posting
    at: datetime
    hash: bytes


@cache
def reserved(component: Component) -> str:
    return f"reserved:{component}"


@cache
def clearing(partner: str) -> str:
    return f"clearing:{partner}"


@cache
def paid(benefit: str) -> str:
    return f"paid:{kind_of(benefit)}"


def appropriate(wave: str, component: Component, amount: int) -> Posting:
    return Posting(TREASURY_LEDGER, wave, component, APPROPRIATION, TREASURY, amount)


def allot(lane: int, wave: str, component: Component, amount: int) -> Posting:
    return Posting(lane, wave, component, reserved(component), APPROPRIATION, amount)


def return_to_fund(lane: int, wave: str, component: Component, amount: int) -> Posting:
    return Posting(lane, wave, component, APPROPRIATION, reserved(component), amount)


def instruct(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, clearing(_partner(disbursement)), reserved(disbursement.component))


def settle(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, paid(disbursement.benefit), clearing(_partner(disbursement)))


def reject(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, reserved(disbursement.component), clearing(_partner(disbursement)))


def seal_postings(postings: Iterable[Posting], head: LedgerHead, at: datetime) -> list[Transfer]:
    """Numbers and seals postings of one book behind its last row."""
    transfers = []
    number, last = head.number, head.hash
    for posting in postings:
        number += 1
        last = hash_transfer(last, number, posting, at)
        transfers.append(Transfer(number, posting, at, last))
    return transfers


def hash_transfer(previous: bytes, number: int, posting: Posting, at: datetime) -> bytes:
    """SHA-256 over the previous hash and the row canonically: its columns joined by `|`, which none contains."""
    p = posting
    sides = f"{p.wave}|{p.component}|{p.debit}|{p.credit}|{p.amount}|{p.reference or ''}"
    return hashlib.sha256(previous + f"{p.lane}|{number}|{sides}|{_timestamp(at)}".encode()).digest()


@lru_cache
def _timestamp(at: datetime) -> str:
    """All that one transaction writes down bears the same time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _posting(disbursement: Disbursement, debit: str, credit: str) -> Posting:
    return Posting(
        lane=disbursement.lane,
        wave=disbursement.wave,
        component=disbursement.component,
        debit=debit,
        credit=credit,
        amount=disbursement.amount,
        reference=disbursement.reference,
    )


def _partner(disbursement: Disbursement) -> str:
    if disbursement.partner is None:
        raise InvariantBroken(" ".join(disbursement.key), "it is posted, and no partner was instructed to pay it")
    return disbursement.partner
