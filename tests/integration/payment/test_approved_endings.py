"""Endings of what two persons approved as unpaid: a partner's word to the contrary is settled by that."""

from datetime import timedelta

import pytest

from shared.errors import Refused
from tests.builders import LATER
from tests.integration.payment.facts import CODE, blocked, journey, voided
from tests.integration.payment.harness import PaymentHarness

CUT_OFF = LATER + timedelta(days=2)


@pytest.fixture
async def frozen(harness: PaymentHarness) -> PaymentHarness:
    """Freeze a fee: its partner says that it paid another amount, and then rejects."""
    await harness.prepare()
    await harness.receive(*journey(cut_off_at=CUT_OFF))
    reference = harness.instructions_for("fee")[0].reference
    await harness.receive(harness.answer(reference, "settled", amount=1), harness.answer(reference, "rejected", "AC04"))
    assert await harness.state("fee") == "held(needs_approval)"
    return harness


async def test_forfeited_after_an_approval_is_no_breach(frozen: PaymentHarness) -> None:
    frozen.now = CUT_OFF
    await frozen.sweep()
    await frozen.approve(CODE, "fee")
    await frozen.sweep()
    assert (await frozen.state("fee"), await frozen.breaches()) == ("forfeited", [])


async def test_cancelled_after_an_approval_is_no_breach(frozen: PaymentHarness) -> None:
    await frozen.receive(voided())
    await frozen.approve(CODE, "fee")
    await frozen.sweep()
    assert (await frozen.state("fee"), await frozen.breaches()) == ("cancelled", [])


async def test_approval_ends_what_a_block_covers_past_the_cut_off(frozen: PaymentHarness) -> None:
    await frozen.receive(blocked())
    with pytest.raises(Refused, match="does not wait for an approval"):
        await frozen.approve(CODE, "fee")
    frozen.now = CUT_OFF
    await frozen.sweep()
    await frozen.approve(CODE, "fee")
    await frozen.sweep()
    assert await frozen.state("fee") == "forfeited"


async def test_approval_ends_what_a_block_covers_of_a_voided_training(frozen: PaymentHarness) -> None:
    await frozen.receive(blocked(), voided())
    await frozen.approve(CODE, "fee")
    await frozen.sweep()
    assert await frozen.state("fee") == "cancelled"
