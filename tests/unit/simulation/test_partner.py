"""Simulated partner: pays each reference once and reports consistently on it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.simulation.partner import (
    MovedSeal,
    PartnerBehaviour,
    ScheduledReport,
    SimulatedPartner,
    read_ledger,
    report_data,
)
from deploy.simulation.seals import Seals
from shared.contracts.partner import DISBURSEMENT_REPORTED

KEYS = Seals({"gopay-1": bytes(range(32))})
REFERENCE = "7Q2M9K4T1B8XW3ZA"
ORDINARY = "081234561000"
NOW = datetime(2023, 3, 25, 3, tzinfo=UTC)


def instruction(number: str = ORDINARY, reference: str = REFERENCE, rupiah: int = 600_000) -> dict[str, object]:
    account = KEYS.seal({"sub": reference, "number": number})
    return {
        "reference": reference,
        "amount": {"value": rupiah, "currency": "IDR"},
        "benefit": "incentive",
        "answer_by": "2023-03-25T03:15:00Z",
        "payee": {"kind": "participant", "account": account},
    }


def partner(folder: Path, **behaviour: object) -> SimulatedPartner:
    return SimulatedPartner("gopay", KEYS, folder / "gopay.jsonl", PartnerBehaviour(**behaviour))  # type: ignore[arg-type]


def statuses(reports: list[ScheduledReport]) -> list[tuple[str, int | None, str | None]]:
    return [(report.status, report.amount, report.reason) for report in reports]


def test_instruction_is_accepted_then_settled(tmp_path: Path) -> None:
    reports = partner(tmp_path).receive(instruction(), NOW)
    assert statuses(reports) == [("accepted", 600_000, None), ("settled", 600_000, None)]


def test_repeated_reference_gets_the_same_reports_and_no_payment(tmp_path: Path) -> None:
    one = partner(tmp_path)
    first = one.receive(instruction(), NOW)
    assert one.receive(instruction(number="089999990404", rupiah=1), NOW) == first
    one.flush()
    assert [payment.amount for payment in read_ledger(tmp_path / "gopay.jsonl")] == [600_000]


def test_restarted_partner_remembers_its_payments(tmp_path: Path) -> None:
    before = partner(tmp_path)
    answered = before.receive(instruction(), NOW)
    before.flush()
    after = partner(tmp_path)
    assert after.receive(instruction(), NOW) == answered
    after.flush()
    assert len(read_ledger(tmp_path / "gopay.jsonl")) == 1


def test_torn_ledger_line_is_no_payment(tmp_path: Path) -> None:
    one = partner(tmp_path)
    one.receive(instruction(), NOW)
    one.flush()
    path = tmp_path / "gopay.jsonl"
    path.write_text(path.read_text() + '{"partner": "gop')
    again = partner(tmp_path)
    again.receive(instruction(reference="8Q2M9K4T1B8XW3ZA"), NOW)
    again.flush()
    assert [payment.reference for payment in read_ledger(path)] == [REFERENCE, "8Q2M9K4T1B8XW3ZA"]


@pytest.mark.parametrize(("ending", "reason"), [("0401", "AC01"), ("0404", "AC04")])
def test_unpayable_account_is_rejected_with_its_reason_code(tmp_path: Path, ending: str, reason: str) -> None:
    one = partner(tmp_path)
    reports = one.receive(instruction(number=f"08123456{ending}"), NOW)
    assert statuses(reports)[-1] == ("rejected", 600_000, reason)
    assert one.ledger[REFERENCE].reason == reason


def test_silent_account_is_paid_without_a_report(tmp_path: Path) -> None:
    one = partner(tmp_path)
    assert one.receive(instruction(number="081234560000"), NOW) == []
    assert one.ledger[REFERENCE].reason is None


def test_wrong_amount_and_contradiction_follow_the_account_number(tmp_path: Path) -> None:
    wrong = partner(tmp_path / "a").receive(instruction(number="081234560777"), NOW)
    assert statuses(wrong)[0] == ("settled", 600_001, None)
    assert statuses(wrong)[-1] == ("settled", 600_000, None)
    back = partner(tmp_path / "b").receive(instruction(number="081234560778"), NOW)
    assert statuses(back)[-2:] == [("settled", 600_000, None), ("rejected", 600_000, "MS03")]


def test_account_closed_after_payment_returns_it(tmp_path: Path) -> None:
    one = partner(tmp_path)
    first = one.receive(instruction(number="081234560780"), NOW)
    assert statuses(first)[-2:] == [("settled", 600_000, None), ("returned", 600_000, "AC04")]
    assert one.receive(instruction(number="081234560780"), NOW) == first
    one.flush()
    (payment,) = read_ledger(tmp_path / "gopay.jsonl")
    assert (payment.reason, payment.returned_for, payment.is_received) == (None, "AC04", False)


def test_repeated_instruction_gets_no_second_contradiction(tmp_path: Path) -> None:
    for ending in ("0777", "0778"):
        one = partner(tmp_path / ending)
        contradicting = one.receive(instruction(number=f"08123456{ending}"), NOW)
        plain = one.receive(instruction(number=f"08123456{ending}"), NOW)
        assert len(contradicting) == len(plain) + 1
        assert statuses(plain) == [("accepted", 600_000, None), ("settled", 600_000, None)]


def test_behaviour_depends_on_the_seed_and_is_bounded(tmp_path: Path) -> None:
    behaviour = {"seed": 3, "repeats_at_most": 3, "late_at_most_seconds": 0.5}
    one = partner(tmp_path / "a", **behaviour)
    references = [f"{number:016d}" for number in range(200)]
    answers = [one.receive(instruction(reference=reference), NOW) for reference in references]
    again = partner(tmp_path / "b", **behaviour)
    assert answers == [again.receive(instruction(reference=reference), NOW) for reference in references]
    settled = [sum(report.status == "settled" for report in reports) for reports in answers]
    assert set(settled) == {1, 2, 3}
    latest = max(report.after_seconds for reports in answers for report in reports)
    assert 0 < latest <= PartnerBehaviour(**behaviour).last_report_after_seconds  # type: ignore[arg-type]


def test_behaviour_survives_the_environment() -> None:
    behaviour = PartnerBehaviour(seed=5, repeats_at_most=2, late_at_most_seconds=0.25, accepts=False)
    assert PartnerBehaviour.from_environment(behaviour.environment()) == behaviour
    assert PartnerBehaviour.from_environment({}) == PartnerBehaviour()


def test_report_fits_the_contract(tmp_path: Path) -> None:
    for number in (ORDINARY, "081234560404", "081234560780"):
        for report in partner(tmp_path / number).receive(instruction(number=number), NOW):
            DISBURSEMENT_REPORTED.parse(report_data(report, "gopay", "2023-03-25T03:00:00Z"))


def test_account_sealed_for_another_reference_stops_the_partner(tmp_path: Path) -> None:
    moved = instruction() | {"reference": "8Q2M9K4T1B8XW3ZA"}
    with pytest.raises(MovedSeal):
        partner(tmp_path).receive(moved, NOW)
