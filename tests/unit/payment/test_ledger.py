"""Ledger: every posting has two sides, and every row hashes the one before."""

import hashlib
from collections import Counter
from datetime import UTC, datetime

import pytest

from services.payment.domain import ledger
from services.payment.domain.disbursement import State
from services.payment.domain.entitlement import Component
from services.payment.domain.funds import affordable
from services.payment.domain.ledger import GENESIS, LedgerHead, Posting, Transfer, chain_postings
from shared.errors import InvariantBroken
from tests.unit.payment.values import NOW, a_disbursement

AT_GOPAY = a_disbursement(state=State.INSTRUCTED, reference="3ABCDEFGHJKMNPQR", partner="gopay", attempt=1)
INCENTIVE = Component.INCENTIVE


def balances(*postings: Posting) -> dict[str, int]:
    held: Counter[str] = Counter()
    for posting in postings:
        held[posting.debit] += posting.amount
        held[posting.credit] -= posting.amount
    return {account: balance for account, balance in held.items() if balance}


def test_settled_money_has_gone_from_the_treasury_to_the_payee() -> None:
    way = (
        ledger.appropriate("48", INCENTIVE, 2_000_000),
        ledger.allot(3, "48", INCENTIVE, 1_000_000),
        ledger.instruct(AT_GOPAY),
        ledger.settle(AT_GOPAY),
    )
    assert balances(*way) == {
        "treasury": -2_000_000,
        "appropriation": 1_000_000,
        "reserved:incentive": 400_000,
        "paid:incentive": 600_000,
    }


def test_rejected_money_is_back_where_it_was() -> None:
    assert balances(ledger.instruct(AT_GOPAY), ledger.reject(AT_GOPAY)) == {}


def test_returned_payment_is_back_where_it_was() -> None:
    assert balances(ledger.instruct(AT_GOPAY), ledger.settle(AT_GOPAY), *ledger.book_back(AT_GOPAY)) == {}


def test_returned_allotment_cancels_its_posting() -> None:
    allotted, back = ledger.allot(3, "48", INCENTIVE, 5), ledger.return_to_fund(3, "48", INCENTIVE, 5)
    assert balances(allotted, back) == {}


def test_disbursement_without_partner_cannot_be_posted() -> None:
    with pytest.raises(
        InvariantBroken, match=r"^PRAT0AB12CD3 incentive_1: it is posted, and no partner was instructed"
    ):
        ledger.settle(a_disbursement())


def a_ledger() -> list[Transfer]:
    return chain_postings([ledger.instruct(AT_GOPAY), ledger.settle(AT_GOPAY)], LedgerHead(), NOW)


def test_rows_are_numbered_without_a_gap_behind_the_last() -> None:
    first = a_ledger()
    more = chain_postings([ledger.instruct(AT_GOPAY)], LedgerHead(first[-1].number, first[-1].hash), NOW)
    assert [transfer.number for transfer in [*first, *more]] == [1, 2, 3]


def test_the_canonical_form_of_a_row_is_fixed_for_ever() -> None:
    assert (
        ledger.hash_transfer(GENESIS, 1, ledger.instruct(AT_GOPAY), NOW).hex()
        == "7baba96a6c34dc59bc78ff376248168ae3e2f5e99f2b0eb92a3e895ba35110b6"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"lane": 4},
        {"wave": "49"},
        {"component": Component.TRAINING},
        {"debit": "clearing:dana"},
        {"credit": "treasury"},
        {"amount": 600_001},
        {"reference": None},
    ],
)
def test_any_change_of_a_row_breaks_the_chain(change: dict[str, object]) -> None:
    posting = ledger.instruct(AT_GOPAY)
    assert ledger.hash_transfer(GENESIS, 1, posting._replace(**change), NOW) != a_ledger()[0].hash  # type: ignore[arg-type]


def test_hash_covers_number_time_and_previous_row() -> None:
    posting = ledger.instruct(AT_GOPAY)
    seals = {
        ledger.hash_transfer(GENESIS, 1, posting, NOW),
        ledger.hash_transfer(GENESIS, 2, posting, NOW),
        ledger.hash_transfer(a_ledger()[0].hash, 1, posting, NOW),
        ledger.hash_transfer(GENESIS, 1, posting, NOW.replace(microsecond=1)),
    }
    assert len(seals) == 4


@pytest.mark.parametrize(
    ("money", "lasts_for"),
    [(0, (0, 0)), (599, (0, 0)), (600, (1, 600)), (899, (1, 600)), (999, (2, 900)), (2000, (3, 1000))],
)
def test_money_lasts_for_the_oldest_and_nobody_overtakes(money: int, lasts_for: tuple[int, int]) -> None:
    assert affordable([600, 300, 100], money) == lasts_for


def test_posting_is_of_its_wave_component_and_ledger() -> None:
    assert ledger.appropriate("48", INCENTIVE, 5) == (-1, "48", INCENTIVE, "appropriation", "treasury", 5, None)
    assert ledger.return_to_treasury("48", INCENTIVE, 5) == (-2, "48", INCENTIVE, "returned", "appropriation", 5, None)
    in_the_lane = {
        "reserved:incentive appropriation": ledger.allot(3, "48", INCENTIVE, 600_000),
        "appropriation reserved:incentive": ledger.return_to_fund(3, "48", INCENTIVE, 600_000),
        "clearing:gopay reserved:incentive": ledger.instruct(AT_GOPAY),
        "reserved:incentive clearing:gopay": ledger.reject(AT_GOPAY),
        "paid:incentive clearing:gopay": ledger.settle(AT_GOPAY),
        "claims paid:incentive": ledger.claim(AT_GOPAY),
        "paid:incentive claims": ledger.withdraw(AT_GOPAY),
        "returned claims": ledger.repay(AT_GOPAY),
    }
    for sides, posting in in_the_lane.items():
        debit, credit = sides.split()
        reference = None if "appropriation" in sides else AT_GOPAY.reference
        assert posting == Posting(3, "48", INCENTIVE, debit, credit, 600_000, reference)


def test_hash_of_a_transfer_is_that_of_its_columns() -> None:
    row = b"-1|1|48|incentive|appropriation|treasury|5||2023-03-01T00:00:00.000000+00:00"
    posting, at = ledger.appropriate("48", INCENTIVE, 5), datetime(2023, 3, 1, tzinfo=UTC)
    (transfer,) = chain_postings([posting], LedgerHead(), at)
    assert transfer == Transfer(1, posting, at, hashlib.sha256(GENESIS + row).digest())
