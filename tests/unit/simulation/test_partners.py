"""The process of the simulated partners: reports leave when the business clock says so."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from deploy.local.partners import INSTRUCTED, PartnerSimulator
from deploy.simulation.partner import PartnerBehaviour, SimulatedPartner
from shared.clock import Clock
from tests.unit.simulation.test_magic_numbers import ANOTHER, KEYS, LATE, NOW, REFERENCE, instruction

STATUS_REQUESTED = b"salur.payment.disbursement_status_requested.v1"


class SetClock(Clock):
    """Clock that stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def simulator(tmp_path: Path, clock: SetClock) -> PartnerSimulator:
    gopay = SimulatedPartner("gopay", KEYS, tmp_path / "gopay.jsonl", PartnerBehaviour(accepts=False))
    return PartnerSimulator({"gopay": gopay}, clock)


def a_record(data: dict[str, Any], ce_type: bytes = INSTRUCTED) -> "ConsumerRecord[bytes, bytes]":
    value = json.dumps(data).encode()
    headers = (("ce_type", ce_type),)
    return ConsumerRecord("disbursements.gopay", 7, 0, 0, 0, b"", value, None, 0, len(value), headers)


def statuses(simulator: PartnerSimulator, *records: "ConsumerRecord[bytes, bytes]") -> list[str]:
    return [json.loads(report.value or b"")["status"] for report in simulator.take(records)]


def test_report_goes_to_the_partition_of_its_instruction(simulator: PartnerSimulator) -> None:
    (report,) = simulator.take([a_record(instruction("1000"))])
    assert (report.topic, report.partition, report.key) == ("disbursement-reports.gopay", 7, REFERENCE.encode())
    assert json.loads(report.value or b"")["partner_reference"] == f"gopay-{REFERENCE}"


def test_request_about_an_unknown_reference_is_answered_with_not_found(simulator: PartnerSimulator) -> None:
    request = a_record({"reference": ANOTHER, "instructed_at": "2023-03-25T03:00:00Z"}, STATUS_REQUESTED)
    (report,) = simulator.take([request])
    data = json.loads(report.value or b"")
    assert (data["status"], data["amount"], data["partner_reference"]) == ("not_found", None, None)


def test_report_of_the_next_day_waits_for_the_business_clock(simulator: PartnerSimulator, clock: SetClock) -> None:
    assert statuses(simulator, a_record(instruction("0781"))) == ["settled"]
    clock.time += timedelta(days=1, microseconds=-1)
    assert statuses(simulator) == []
    clock.time += timedelta(microseconds=1)
    assert statuses(simulator) == ["returned"]
    assert statuses(simulator) == []


def test_partner_that_is_down_sends_all_reports_later_and_once(simulator: PartnerSimulator, clock: SetClock) -> None:
    assert statuses(simulator, a_record(instruction("0016")), a_record(instruction("1000", ANOTHER))) == []
    clock.time = LATE
    assert statuses(simulator) == ["settled", "settled"]
    assert statuses(simulator) == []
