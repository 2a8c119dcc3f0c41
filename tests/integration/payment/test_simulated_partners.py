"""Simulated partners at work: what payment makes of each account number, by the reports that follow from it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.simulation.partner import PartnerBehaviour, ScheduledReport, SimulatedPartner, report_data
from deploy.simulation.seals import Seals
from services.payment.domain.reason_codes import REASON_CODES
from shared.times import write_time
from tests.builders import keys_folder
from tests.integration.payment.facts import Reported, completed, confirmed, linked, rated, reported
from tests.integration.payment.harness import PaymentHarness
from tests.integration.payment.test_not_found import sent

ANSWER_WITHIN = timedelta(seconds=900)
DAY = timedelta(days=1)


class Exchange:
    """Payment and one simulated partner, each of which reads what the other has written."""

    def __init__(self, harness: PaymentHarness, ledgers: Path) -> None:
        self.harness = harness
        keys = Seals.load(keys_folder() / "gopay.jwks.json")
        self.partner = SimulatedPartner("gopay", keys, ledgers / "gopay.jsonl", PartnerBehaviour())
        self.reports: list[ScheduledReport] = []
        self._read = 0

    async def go_on(self) -> None:
        """Let both read on until neither has anything to say by now."""
        while self._receive() or await self._report():
            pass

    async def wait(self, longer: timedelta) -> None:
        """Let time pass, and payment ask for the status of what is overdue."""
        self.harness.now += longer
        await self.harness.sweep("ask_gopay")
        await self.go_on()

    def _receive(self) -> int:
        pages = [page for page in self.harness.pages if page.topic == "disbursements.gopay"]
        new = [event for page in pages for event in page.events][self._read :]
        self._read += len(new)
        for event in new:
            data = json.loads(event.data)
            if event.type.endswith("instructed.v1"):
                self.reports += self.partner.receive(data, self.harness.now)
            else:
                self.reports += self.partner.report_status(data["reference"], self.harness.now)
        return len(new)

    async def _report(self) -> int:
        due = [one for one in self.reports if one.not_before is None or one.not_before <= self.harness.now]
        self.reports = [one for one in self.reports if one not in due]
        for one in due:
            made = reported("gopay", one.reference, one.status, one.amount or 0, one.reason)
            data = json.loads(report_data(one, "gopay", write_time(self.harness.now)))
            await self.harness.receive(Reported(made.type, data, made.source, made.key, made.id, made.time))
        return len(due)


@pytest.fixture
async def exchange(harness: PaymentHarness, tmp_path: Path) -> Exchange:
    await harness.prepare()
    return Exchange(harness, tmp_path)


async def pay(exchange: Exchange, ending: str) -> PaymentHarness:
    """Let an incentive fall due to an account with this ending, and the partner do what it will at once."""
    await exchange.harness.receive(linked(number=f"08123456{ending}"), confirmed(), completed(), rated())
    await exchange.go_on()
    return exchange.harness


@pytest.mark.parametrize(
    ("ending", "state", "parked"),
    [
        ("1000", "settled", []),
        ("0401", "held(account_invalid)", []),
        ("0404", "held(account_closed)", []),
        ("0000", "instructed", []),
        ("0010", "instructed", []),
        ("0011", "instructed", []),
        ("0012", "settled", []),
        ("0013", "instructed", []),
        ("0014", "settled", []),
        ("0015", "settled", ["unknown_reference"]),
        ("0016", "instructed", []),
        ("0777", "settled", ["amount_mismatch"]),
        ("0778", "settled", ["contradicts_final"]),
        ("0779", "held(needs_approval)", ["contradicts_final"]),
        ("0780", "held(account_closed)", []),
        ("0781", "settled", []),
    ],
)
async def test_account_number_decides_what_becomes_of_a_payment(
    exchange: Exchange, ending: str, state: str, parked: list[str]
) -> None:
    harness = await pay(exchange, ending)
    assert (await harness.state("incentive_1"), await harness.parked()) == (state, parked)
    assert await harness.halts() == (["gopay"] if "unknown_reference" in parked else [])


@pytest.mark.parametrize("code", ["AC06", "MS03", "FRAD", "AM04", "MD07"])
async def test_account_number_names_the_reason_of_a_rejection(exchange: Exchange, code: str) -> None:
    harness = await pay(exchange, code)
    verdict = REASON_CODES[code]
    state = f"held({verdict.reason})" if verdict.reason else "failed"
    assert await harness.state("incentive_1") == state


async def test_answer_only_to_a_request_settles(exchange: Exchange) -> None:
    harness = await pay(exchange, "0010")
    await exchange.wait(ANSWER_WITHIN)
    assert (len(sent(harness)), await harness.state("incentive_1")) == (1, "settled")


@pytest.mark.parametrize("ending", ["0011", "0016"])
async def test_late_answer_settles(exchange: Exchange, ending: str) -> None:
    harness = await pay(exchange, ending)
    await exchange.wait(ANSWER_WITHIN)
    assert await harness.state("incentive_1") == "instructed"
    await exchange.wait(timedelta(minutes=1))
    assert (len(sent(harness)), await harness.state("incentive_1")) == (1, "settled")


async def test_lost_instruction_is_repeated_and_paid_once(exchange: Exchange) -> None:
    harness = await pay(exchange, "0013")
    await exchange.wait(ANSWER_WITHIN)
    first, second = sent(harness)
    assert (first, await harness.state("incentive_1")) == (second, "settled")
    assert len(exchange.partner.ledger) == 1


async def test_partner_silent_for_good_is_asked_and_never_paid_again(exchange: Exchange) -> None:
    harness = await pay(exchange, "0000")
    for _ in range(70):
        await exchange.wait(DAY)
    assert (len(sent(harness)), await harness.state("incentive_1")) == (1, "instructed")
    assert len(harness.status_requests) == 70


async def test_money_comes_back_the_next_day(exchange: Exchange) -> None:
    harness = await pay(exchange, "0781")
    await exchange.wait(DAY - timedelta(seconds=1))
    assert await harness.state("incentive_1") == "settled"
    await exchange.wait(timedelta(seconds=1))
    assert await harness.state("incentive_1") == "held(account_closed)"
