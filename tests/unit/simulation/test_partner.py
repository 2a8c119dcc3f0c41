"""A simulated partner pays a reference once, whatever arrives, and tells no two stories about it."""

from pathlib import Path

import pytest

from deploy.simulation.partner import PartnerBehaviour, ScheduledReport, SimulatedPartner, read_ledger, report_data
from deploy.simulation.seals import Seals
from shared.contracts.partner import DISBURSEMENT_REPORTED

KEYS = Seals({"gopay-1": bytes(range(32))})
REFERENCE = "7Q2M9K4T1B8XW3ZA"
ORDINARY = "081234561000"


def instruction(number: str = ORDINARY, reference: str = REFERENCE, rupiah: int = 600_000) -> dict[str, object]:
    account = KEYS.seal({"sub": reference, "number": number})
    return {
        "reference": reference,
        "amount": {"value": rupiah, "currency": "IDR"},
        "benefit": "incentive",
        "payee": {"kind": "participant", "account": account},
    }


def partner(folder: Path, **behaviour: object) -> SimulatedPartner:
    return SimulatedPartner("gopay", KEYS, folder / "gopay.jsonl", PartnerBehaviour(**behaviour))  # type: ignore[arg-type]


def statuses(reports: list[ScheduledReport]) -> list[tuple[str, int, str | None]]:
    return [(report.status, report.amount, report.reason) for report in reports]


def test_an_instruction_is_accepted_then_settled(tmp_path: Path) -> None:
    reports = partner(tmp_path).receive(instruction())
    assert statuses(reports) == [("accepted", 600_000, None), ("settled", 600_000, None)]


def test_a_reference_seen_again_is_answered_alike_and_not_paid_again(tmp_path: Path) -> None:
    one = partner(tmp_path)
    first = one.receive(instruction())
    assert one.receive(instruction(number="089999990404", rupiah=1)) == first
    one.flush()
    assert [payment.amount for payment in read_ledger(tmp_path / "gopay.jsonl")] == [600_000]


def test_a_partner_that_comes_back_remembers_what_it_paid(tmp_path: Path) -> None:
    before = partner(tmp_path)
    answered = before.receive(instruction())
    before.flush()
    after = partner(tmp_path)
    assert after.receive(instruction()) == answered
    after.flush()
    assert len(read_ledger(tmp_path / "gopay.jsonl")) == 1


def test_a_torn_line_in_the_ledger_is_no_payment(tmp_path: Path) -> None:
    one = partner(tmp_path)
    one.receive(instruction())
    one.flush()
    path = tmp_path / "gopay.jsonl"
    path.write_text(path.read_text() + '{"partner": "gop')
    again = partner(tmp_path)
    again.receive(instruction(reference="8Q2M9K4T1B8XW3ZA"))
    again.flush()
    assert [payment.reference for payment in read_ledger(path)] == [REFERENCE, "8Q2M9K4T1B8XW3ZA"]


@pytest.mark.parametrize(("ending", "reason"), [("0401", "AC01"), ("0404", "AC04")])
def test_accounts_that_cannot_be_paid_into_are_rejected_with_a_reason(tmp_path: Path, ending: str, reason: str) -> None:
    one = partner(tmp_path)
    reports = one.receive(instruction(number=f"08123456{ending}"))
    assert statuses(reports)[-1] == ("rejected", 600_000, reason)
    assert one.ledger[REFERENCE].reason == reason


def test_a_silent_account_is_paid_and_never_answered(tmp_path: Path) -> None:
    one = partner(tmp_path)
    assert one.receive(instruction(number="081234560000")) == []
    assert one.ledger[REFERENCE].reason is None


def test_some_say_a_wrong_amount_first_and_some_take_their_word_back(tmp_path: Path) -> None:
    wrong = partner(tmp_path / "a").receive(instruction(number="081234560777"))
    assert statuses(wrong)[0] == ("settled", 600_001, None)
    assert statuses(wrong)[-1] == ("settled", 600_000, None)
    back = partner(tmp_path / "b").receive(instruction(number="081234560778"))
    assert statuses(back)[-2:] == [("settled", 600_000, None), ("rejected", 600_000, "MS03")]


def test_trouble_is_made_once_and_a_repeated_instruction_gets_the_plain_answer(tmp_path: Path) -> None:
    for ending in ("0777", "0778"):
        one = partner(tmp_path / ending)
        troubled = one.receive(instruction(number=f"08123456{ending}"))
        plain = one.receive(instruction(number=f"08123456{ending}"))
        assert len(troubled) == len(plain) + 1
        assert statuses(plain) == [("accepted", 600_000, None), ("settled", 600_000, None)]


def test_manners_are_luck_by_seed_and_bounded(tmp_path: Path) -> None:
    manners = {"seed": 3, "repeats_at_most": 3, "late_at_most_seconds": 0.5}
    one = partner(tmp_path / "a", **manners)
    references = [f"{number:016d}" for number in range(200)]
    answers = [one.receive(instruction(reference=reference)) for reference in references]
    again = partner(tmp_path / "b", **manners)
    assert answers == [again.receive(instruction(reference=reference)) for reference in references]
    settled = [sum(report.status == "settled" for report in reports) for reports in answers]
    assert set(settled) == {1, 2, 3}
    latest = max(report.after_seconds for reports in answers for report in reports)
    assert 0 < latest <= PartnerBehaviour(**manners).last_report_after_seconds  # type: ignore[arg-type]


def test_manners_survive_the_way_through_the_environment() -> None:
    manners = PartnerBehaviour(seed=5, repeats_at_most=2, late_at_most_seconds=0.25, accepts=False)
    assert PartnerBehaviour.from_environment(manners.environment()) == manners
    assert PartnerBehaviour.from_environment({}) == PartnerBehaviour()


def test_a_report_keeps_the_contract(tmp_path: Path) -> None:
    for number in (ORDINARY, "081234560404"):
        for report in partner(tmp_path / number).receive(instruction(number=number)):
            DISBURSEMENT_REPORTED.parse(report_data(report, "gopay", "2023-03-25T03:00:00Z"))


def test_an_account_sealed_for_another_reference_stops_the_partner(tmp_path: Path) -> None:
    moved = instruction() | {"reference": "8Q2M9K4T1B8XW3ZA"}
    with pytest.raises(AssertionError):
        partner(tmp_path).receive(moved)
