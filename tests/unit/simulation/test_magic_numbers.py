"""Account numbers that tell a simulated partner what to do."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.simulation.magic_numbers import MAGIC_NUMBERS, magic_number_of, table
from deploy.simulation.partner import PartnerBehaviour, ScheduledReport, SimulatedPartner, read_ledger, report_data
from deploy.simulation.seals import Seals
from shared.contracts.partner import DISBURSEMENT_REPORTED

KEYS = Seals({"gopay-1": bytes(range(32))})
REFERENCE, ANOTHER = "7Q2M9K4T1B8XW3ZA", "7AZ3WX8B1T4K9M2Q"
RUPIAH = 600_000
NOW = datetime(2023, 3, 25, 3, tzinfo=UTC)
ANSWER_BY = NOW + timedelta(minutes=15)
LATE = ANSWER_BY + timedelta(minutes=1)
SETTLED = ("settled", RUPIAH, None)


def instruction(ending: str, reference: str = REFERENCE) -> dict[str, object]:
    return {
        "reference": reference,
        "amount": {"value": RUPIAH, "currency": "IDR"},
        "benefit": "incentive",
        "answer_by": ANSWER_BY.isoformat(),
        "payee": {"kind": "participant", "account": KEYS.seal({"sub": reference, "number": f"08123456{ending}"})},
    }


def partner(folder: Path) -> SimulatedPartner:
    return SimulatedPartner("gopay", KEYS, folder / "gopay.jsonl", PartnerBehaviour(accepts=False))


def told(reports: Iterable[ScheduledReport]) -> list[tuple[str, int | None, str | None]]:
    return [(report.status, report.amount, report.reason) for report in reports]


def test_table_in_the_documentation_is_that_of_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "contracts" / "README.md"
    assert table() in page.read_text()


def test_no_number_stands_twice_and_each_says_something_else() -> None:
    assert len({number.ending for number in MAGIC_NUMBERS}) == len(MAGIC_NUMBERS)
    assert len({number.meaning for number in MAGIC_NUMBERS}) == len(MAGIC_NUMBERS)


@pytest.mark.parametrize(
    ("account", "reason"),
    [("08123456AC06", "AC06"), ("FRAD", "FRAD"), ("08123456ac06", None), ("081234561006", None), ("C06", None)],
)
def test_account_that_ends_in_a_reason_code_is_rejected_with_it(account: str, reason: str | None) -> None:
    assert magic_number_of(account).reason == reason


@pytest.mark.parametrize(
    ("ending", "reports"),
    [
        ("MS03", [("rejected", RUPIAH, "MS03")]),
        ("0000", []),
        ("0010", []),
        ("0012", [SETTLED, SETTLED]),
        ("0014", [SETTLED, SETTLED]),
        ("0777", [("settled", RUPIAH + 1, None), SETTLED]),
        ("0778", [SETTLED, ("rejected", RUPIAH, "MS03")]),
        ("0779", [("rejected", RUPIAH, "AB05"), SETTLED]),
        ("0780", [SETTLED, ("returned", RUPIAH, "AC04")]),
        ("1000", [SETTLED]),
    ],
)
def test_ending_decides_what_is_reported(
    tmp_path: Path, ending: str, reports: list[tuple[str, int, str | None]]
) -> None:
    assert told(partner(tmp_path).receive(instruction(ending), NOW)) == reports


@pytest.mark.parametrize(
    ("ending", "reports"),
    [
        ("1000", [SETTLED]),
        ("0000", []),
        ("0010", [SETTLED]),
        ("0011", [SETTLED]),
        ("0013", [("not_found", None, None)]),
        ("0404", [("rejected", RUPIAH, "AC04")]),
    ],
)
def test_status_is_answered_with_what_is_true(
    tmp_path: Path, ending: str, reports: list[tuple[str, int | None, str | None]]
) -> None:
    one = partner(tmp_path)
    one.receive(instruction(ending), NOW)
    assert told(one.report_status(REFERENCE, NOW)) == reports


def test_reference_that_was_never_instructed_is_not_found(tmp_path: Path) -> None:
    (report,) = partner(tmp_path).report_status(REFERENCE, NOW)
    parsed = DISBURSEMENT_REPORTED.parse(report_data(report, "gopay", "2023-03-25T03:00:00Z"))
    assert (parsed.status, parsed.amount, parsed.partner_reference) == ("not_found", None, None)


def test_forgotten_instruction_is_paid_when_it_comes_again(tmp_path: Path) -> None:
    one = partner(tmp_path)
    assert one.receive(instruction("0013"), NOW) == []
    assert one.ledger == {}
    assert told(one.receive(instruction("0013"), NOW)) == [SETTLED]
    assert told(one.report_status(REFERENCE, NOW)) == [SETTLED]


def test_late_answer_waits_for_the_business_clock(tmp_path: Path) -> None:
    one = partner(tmp_path)
    (report,) = one.receive(instruction("0011"), NOW)
    (status,) = one.report_status(REFERENCE, NOW)
    (other,) = one.receive(instruction("1000", ANOTHER), NOW)
    assert (report.not_before, status.not_before, other.not_before) == (LATE, LATE, None)
    assert one.report_status(REFERENCE, LATE)[0].not_before is None


def test_partner_that_is_down_answers_nobody(tmp_path: Path) -> None:
    one = partner(tmp_path)
    answers = [
        *one.receive(instruction("0016"), NOW),
        *one.receive(instruction("1000", ANOTHER), NOW),
        *one.report_status(ANOTHER, NOW),
    ]
    assert {report.not_before for report in answers} == {LATE}
    assert one.receive(instruction("1000", ANOTHER), LATE)[0].not_before is None


def test_money_comes_back_on_the_next_business_day(tmp_path: Path) -> None:
    one = partner(tmp_path)
    settled, returned = one.receive(instruction("0781"), NOW)
    assert (settled.not_before, returned.status) == (None, "returned")
    assert (returned.after_seconds, returned.not_before) == (0, NOW + timedelta(days=1))
    assert told(one.report_status(REFERENCE, NOW)) == [SETTLED]
    assert told(one.report_status(REFERENCE, NOW + timedelta(days=1))) == [("returned", RUPIAH, "AC04")]

    one.flush()
    again = partner(tmp_path).receive(instruction("0781"), NOW + timedelta(hours=5))
    assert again == [settled, returned]


def test_payment_made_twice_has_two_references_of_the_partner(tmp_path: Path) -> None:
    one = partner(tmp_path)
    reports = one.receive(instruction("0014"), NOW)
    assert [report.payment for report in reports] == [1, 2]
    assert told(one.receive(instruction("0014"), NOW)) == [SETTLED]
    one.flush()
    booked = read_ledger(tmp_path / "gopay.jsonl")
    assert [(payment.reference, payment.partner_reference) for payment in booked] == [
        (REFERENCE, f"gopay-{REFERENCE}"),
        (REFERENCE, f"gopay-{REFERENCE}-2"),
    ]


def test_unknown_reference_is_paid_and_reported_once(tmp_path: Path) -> None:
    one = partner(tmp_path)
    reports = one.receive(instruction("0015"), NOW)
    assert [(report.reference, report.status) for report in reports] == [(ANOTHER, "settled"), (REFERENCE, "settled")]
    assert [report.reference for report in one.receive(instruction("0015"), NOW)] == [REFERENCE]
    one.flush()
    assert [payment.reference for payment in read_ledger(tmp_path / "gopay.jsonl")] == [REFERENCE, ANOTHER]


def test_ledger_has_what_a_statement_needs(tmp_path: Path) -> None:
    one = partner(tmp_path)
    one.receive(instruction("0780"), NOW)
    one.flush()
    (payment,) = read_ledger(tmp_path / "gopay.jsonl")
    assert (payment.booked_at, payment.returned_at) == ("2023-03-25T03:00:00Z", "2023-03-25T03:00:02Z")
    assert read_ledger(tmp_path / "gopay.jsonl") == [payment]


def test_ledger_of_before_is_read_without_times(tmp_path: Path) -> None:
    (tmp_path / "gopay.jsonl").write_text(
        f'{{"partner":"gopay","reference":"{REFERENCE}","amount":{RUPIAH},"account":"081234560780",'
        '"benefit":"fee","reason":null,"returned_for":"AC04"}\n'
    )
    one = partner(tmp_path)
    assert told(one.report_status(REFERENCE, NOW)) == [("returned", RUPIAH, "AC04")]
    assert told(one.receive(instruction("0780"), NOW)) == [SETTLED, ("returned", RUPIAH, "AC04")]
