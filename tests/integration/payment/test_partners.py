"""Payment through each partner of the list, so that a new one is tested too."""

import pytest

from shared.contracts.topics import PARTNERS
from tests.builders import a_provider
from tests.integration.payment.facts import FEE, INCENTIVE, completed, confirmed, linked, rated
from tests.integration.payment.harness import PaymentHarness


@pytest.mark.parametrize("partner", PARTNERS)
async def test_partner_is_instructed_and_its_reports_are_posted(harness: PaymentHarness, partner: str) -> None:
    await harness.prepare()
    await harness.receive(a_provider(version=2, account={"partner": partner}))
    await harness.receive(linked(partner=partner), confirmed(), completed(), rated())

    (fee,), (incentive,) = harness.instructions_for("fee"), harness.instructions_for("incentive")
    assert {fee.partner, incentive.partner} == {partner}
    assert await harness.balance(f"clearing:{partner}") == FEE + INCENTIVE

    await harness.report(fee.reference, "settled")
    await harness.report(incentive.reference, "rejected", "AC04")
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("settled", "held(account_closed)")
    assert await harness.balance(f"clearing:{partner}") == 0
