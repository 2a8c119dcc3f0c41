"""The reports that partners may send."""

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


@pytest.mark.parametrize("status", ["not_found", "SETTLED", ""])
def test_unknown_status_is_parked(status: str) -> None:
    assert park_answer(a_report(REFERENCE, status, 600_000, reason="AC04")) == ("invalid_field", "/status")


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
