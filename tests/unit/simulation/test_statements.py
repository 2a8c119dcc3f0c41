"""Statements of the simulated partners: what a ledger has booked, by the day in Jakarta."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from deploy.local.statement import main, statement
from deploy.simulation.partner import Payment
from deploy.simulation.statements import statement_lines

PAID = Payment("gopay", "7Q2M9K4T1B8XW3ZA", 600_000, "081", "incentive", None, booked_at="2023-03-20T18:00:00Z")
DAY, NEXT_DAY = date(2023, 3, 21), date(2023, 3, 22)


def test_payment_is_stated_on_its_day_in_jakarta() -> None:
    (line,) = statement_lines([PAID])
    assert (line.reference, line.amount, line.direction, line.booked_on, line.reason) == (
        *(PAID.reference, 600_000, "DBIT"),
        *(DAY, None),
    )


def test_return_is_stated_on_its_own_day_with_its_reason() -> None:
    returned = replace(PAID, returned_for="AC04", returned_at="2023-03-21T18:00:00Z")
    assert [(line.direction, line.booked_on, line.reason) for line in statement_lines([returned])] == [
        ("DBIT", DAY, None),
        ("CRDT", NEXT_DAY, "AC04"),
    ]


def test_second_payment_is_stated_under_its_own_partner_reference() -> None:
    lines = statement_lines([PAID, replace(PAID, number=2)])
    assert len({line.partner_reference for line in lines}) == len(lines) == 2


@pytest.mark.parametrize("payment", [replace(PAID, reason="AC01"), replace(PAID, booked_at=None)])
def test_what_was_not_booked_is_not_stated(payment: Payment) -> None:
    assert statement_lines([payment]) == []


@pytest.mark.parametrize(("as_csv", "begins"), [(True, b"reference,partner_reference"), (False, b"<?xml")])
def test_ledger_is_stated_in_both_forms(as_csv: bool, begins: bytes) -> None:
    written = statement(statement_lines([PAID]), as_csv=as_csv)
    assert written.startswith(begins)
    assert PAID.reference.encode() in written


@pytest.mark.parametrize(("partner", "said"), [("gopay", "has no payment"), ("visa", "there is no partner visa")])
def test_nothing_to_state_is_said(tmp_path: Path, partner: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        main(partner, {"SALUR_LEDGERS_FOLDER": str(tmp_path)})
