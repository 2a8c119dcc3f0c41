"""Pay through each partner of the list: whoever adds one finds here what was forgotten."""

import pytest

from shared.contracts.topics import PARTNERS
from tests.builders import a_provider
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import FEE, INCENTIVE, completed, confirmed, linked, rated


@pytest.mark.parametrize("partner", PARTNERS)
async def test_partner_is_instructed_and_its_reports_are_booked(bench: Bench, partner: str) -> None:
    await bench.prepare()
    await bench.receive(a_provider(version=2, account={"partner": partner}))
    await bench.receive(linked(partner=partner), confirmed(), completed(), rated())

    (fee,), (incentive,) = bench.told("fee"), bench.told("incentive")
    assert {fee.partner, incentive.partner} == {partner}
    assert await bench.balance(f"clearing:{partner}") == FEE + INCENTIVE

    await bench.report(fee.reference, "settled")
    await bench.report(incentive.reference, "rejected", "AC04")
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("settled", "held(account_closed)")
    assert await bench.balance(f"clearing:{partner}") == 0
