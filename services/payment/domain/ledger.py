"""Ledger: double entry, one row per transfer, each row hashed together with the one before.

Value moves from `credit` to `debit`. Per wave and component:

    appropriate   treasury             -> appropriation         in the treasury's own ledger
    allot         appropriation        -> reserved:<component>  money of the wave to a lane
    return        reserved:<component> -> appropriation         unused money back to the wave; what is withdrawn from
                                                                any lane, in the ledger of the funds
    cut off       appropriation        -> returned              unused money of a wave past its cut-off, in the ledger
                                                                of the funds
    instruct      reserved:<component> -> clearing:<partner>
    settle        clearing:<partner>   -> paid:<kind>
    reject        clearing:<partner>   -> reserved:<component>
    confirm       reserved:<component> -> clearing:<partner> -> paid:<kind>, under a reference that was rejected
    book back     paid:<kind>          -> clearing:<partner> -> reserved:<component>, what was returned
    claim         paid:<kind>          -> claims                what was paid in vain
    withdraw      claims               -> paid:<kind>
    repay         claims               -> returned              to the treasury, which may appropriate it again

At every moment appropriated = paid + returned + open, where open = appropriation + reserved + clearing + claims.
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
"""Ledger of appropriations, which belong to no lane; used in place of a lane's number."""
FUNDS_LEDGER = -2
"""Ledger of money withdrawn from allotments or returned to the treasury, written by the holder of the fund's lock.

A lane's has one writer.
"""
GENESIS = bytes(32)
TREASURY = "treasury"
APPROPRIATION = "appropriation"
CLAIMS = "claims"
RETURNED = "returned"


class Posting(NamedTuple):
    """One movement of money, not yet in a ledger. `amount` in rupiah, more than 0."""

    lane: int
    wave: str
    component: Component
    debit: str
    credit: str
    amount: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Last row of a ledger: its number (0: none yet) and its hash."""

    number: int = 0
    hash: bytes = GENESIS


class Transfer(NamedTuple):
    """Posting in its ledger. `hash` is 32 bytes over the previous hash and this row."""

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


def return_to_treasury(wave: str, component: Component, amount: int) -> Posting:
    return Posting(FUNDS_LEDGER, wave, component, RETURNED, APPROPRIATION, amount)


def instruct(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, clearing(_partner(disbursement)), reserved(disbursement.component))


def settle(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, paid(disbursement.benefit), clearing(_partner(disbursement)))


def reject(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, reserved(disbursement.component), clearing(_partner(disbursement)))


def book_back(disbursement: Disbursement) -> tuple[Posting, Posting]:
    """Return the postings of a payment that was returned: the way back by which it went."""
    return (
        _posting(disbursement, clearing(_partner(disbursement)), paid(disbursement.benefit)),
        reject(disbursement),
    )


def claim(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, CLAIMS, paid(disbursement.benefit))


def withdraw(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, paid(disbursement.benefit), CLAIMS)


def repay(disbursement: Disbursement) -> Posting:
    return _posting(disbursement, RETURNED, CLAIMS)


def chain_postings(postings: Iterable[Posting], head: LedgerHead, at: datetime) -> list[Transfer]:
    """Append postings of one ledger to its last row: give each a number and a hash."""
    transfers = []
    number, last = head.number, head.hash
    for posting in postings:
        number += 1
        last = hash_transfer(last, number, posting, at)
        transfers.append(Transfer(number, posting, at, last))
    return transfers


def hash_transfer(previous: bytes, number: int, posting: Posting, at: datetime) -> bytes:
    """Return SHA-256 over the previous hash and the canonical row: its columns joined by `|`, which none contains."""
    p = posting
    sides = f"{p.wave}|{p.component}|{p.debit}|{p.credit}|{p.amount}|{p.reference or ''}"
    return hashlib.sha256(previous + f"{p.lane}|{number}|{sides}|{write_hashed_time(at)}".encode()).digest()


@lru_cache
def write_hashed_time(at: datetime) -> str:
    """Return the time as it is hashed; cached, since all transfers of a transaction have the same."""
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
