"""The reports that partners may send."""

from dataclasses import replace
from typing import Any

import pytest

from tests.builders import a_report
from tests.unit.contracts.decoding import park_answer

REFERENCE = "7Q2M9K4T1B8XW3ZA"
UNDERSTOOD = ("", "")


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected", "returned"])
def test_reason_is_allowed_with_every_status(status: str) -> None:
    assert park_answer(a_report(REFERENCE, status, 600_000, reason="AC04")) == UNDERSTOOD


@pytest.mark.parametrize("status", ["rejected", "returned"])
def test_only_a_rejection_or_return_must_have_a_reason(status: str) -> None:
    assert park_answer(a_report(REFERENCE, "settled", 600_000)) == UNDERSTOOD
    assert park_answer(a_report(REFERENCE, status, 600_000)) == ("invalid_field", "/reason")


@pytest.mark.parametrize("status", ["unknown", "NOT_FOUND", "SETTLED", ""])
def test_unknown_status_is_parked(status: str) -> None:
    assert park_answer(a_report(REFERENCE, status, 600_000, reason="AC04")) == ("invalid_field", "/status")


NOTHING = {"amount": None, "partner_reference": None}
AMOUNT = {"value": 600_000, "currency": "IDR"}


@pytest.mark.parametrize(
    ("status", "changes", "answer"),
    [
        ("not_found", NOTHING, UNDERSTOOD),
        ("not_found", {**NOTHING, "reason": "AC04"}, UNDERSTOOD),
        ("not_found", {}, ("invalid_field", "/amount")),
        ("not_found", {**NOTHING, "amount": AMOUNT}, ("invalid_field", "/amount")),
        ("not_found", {**NOTHING, "amount": {**AMOUNT, "value": 0}}, ("invalid_field", "/amount/value")),
        ("not_found", {**NOTHING, "partner_reference": "GP-991"}, ("invalid_field", "/partner_reference")),
        ("settled", NOTHING, ("invalid_field", "/amount")),
        ("accepted", {"partner_reference": None}, ("invalid_field", "/partner_reference")),
        ("rejected", {"amount": None, "reason": "AC04"}, ("invalid_field", "/amount")),
        ("NOT_FOUND", NOTHING, ("invalid_field", "/status")),
    ],
)
def test_only_not_found_has_neither_amount_nor_partner_reference(
    status: str, changes: dict[str, Any], answer: tuple[str, str]
) -> None:
    report = a_report(REFERENCE, status, 600_000)
    assert park_answer(replace(report, data={**report.data, **changes})) == answer


@pytest.mark.parametrize("field", ["amount", "partner_reference"])
def test_what_is_null_is_named_all_the_same(field: str) -> None:
    report = a_report(REFERENCE, "not_found", 600_000)
    data = {name: value for name, value in {**report.data, **NOTHING}.items() if name != field}
    assert park_answer(replace(report, data=data)) == ("invalid_field", f"/{field}")


def test_key_twice_is_parked_in_what_has_no_amount() -> None:
    report = a_report(REFERENCE, "not_found", 600_000)
    report = replace(report, data={**report.data, **NOTHING})
    twice = report.value.replace(b"{", b'{"reason":null,', 1)
    assert park_answer(report, twice) == ("duplicate_key", "")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        pytest.param({"amount": {"value": 600_000, "currency": "USD"}}, "/amount/currency", id="A41 another currency"),
        pytest.param({"amount": {"value": 600_000}}, "/amount/currency", id="A41 no currency"),
        pytest.param({"amount": {"value": 6e5 + 0.5, "currency": "IDR"}}, "/amount/value", id="A41 part of a rupiah"),
        pytest.param({"account": "0123456789"}, "/", id="A41 an account"),
    ],
)
def test_report_in_another_currency_or_on_an_account_is_parked(changes: dict[str, object], where: str) -> None:
    report = a_report(REFERENCE, "settled", 600_000).with_data(**changes)
    assert park_answer(report) == ("invalid_field", where)
