"""Double payments: a partner pays an attempt that it had rejected, and another attempt is paid as well."""

import pytest

from services.payment.handlers import reports
from shared.errors import Refused
from tests.integration.payment.facts import CODE, INCENTIVE, PARTICIPANT, journey, linked, voided
from tests.integration.payment.harness import PaymentHarness, Restored
from tests.integration.payment.test_claims import DOCUMENT, repay


async def instruct_twice(harness: PaymentHarness) -> tuple[str, str]:
    """Have the first attempt of the incentive rejected and another made; return their references."""
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await harness.receive(linked(day=1, partner="dana"))
    await harness.sweep("retry")
    first, second = (one.reference for one in harness.instructions_for("incentive"))
    return first, second


async def pay_twice(harness: PaymentHarness) -> tuple[str, str]:
    first, second = await instruct_twice(harness)
    await harness.report(second, "settled")
    await harness.report(first, "settled")
    return first, second


def claims(harness: PaymentHarness) -> list[tuple[str, str, str]]:
    return [(name, data["claim"], data["reason"]) for name, data in harness.announced if name.startswith("claim")]


async def money(harness: PaymentHarness) -> dict[str, int]:
    """Return what is claimed, paid and returned, in incentives."""
    return {a: await harness.balance(a) // INCENTIVE for a in ("claims", "paid:incentive", "returned")}


@pytest.mark.parametrize("contradicted_first", [True, False])
async def test_double_payment_is_claimed_whatever_is_reported_first(
    instructed: PaymentHarness, contradicted_first: bool
) -> None:
    first, second = await instruct_twice(instructed)
    for reference in (first, second) if contradicted_first else (second, first):
        assert claims(instructed) == []
        await instructed.report(reference, "settled")
    assert claims(instructed) == [("claim_opened", f"{first}-1", "contradicted")]
    opened = instructed.announced[-1][1]
    assert (opened["reference"], opened["partner"], opened["attempt"], opened["debtor"]) == (
        *(first, "gopay", 1, "participant"),
    )
    assert (await instructed.state("incentive_1"), await instructed.parked()) == ("settled", ["contradicts_final"])
    assert await money(instructed) == {"claims": 1, "paid:incentive": 1, "returned": 0}
    await instructed.report(first, "settled")
    assert len(claims(instructed)) == 1
    (breach,) = await instructed.breaches()
    assert "was paid more than once, by the reports of partners" in breach
    await instructed.forget_contradictions()


async def test_repaid_double_payment_is_resolved(instructed: PaymentHarness) -> None:
    first, second = await pay_twice(instructed)
    await repay(instructed, f"{first}-1")
    assert await money(instructed) == {"claims": 0, "paid:incentive": 1, "returned": 1}
    assert await instructed.breaches() == []
    await instructed.report(first, "returned", "AC04")
    assert await instructed.parked() == ["contradicts_final"] * 2
    await instructed.report(second, "returned", "AC04")
    with pytest.raises(Refused, match=f"was repaid by {DOCUMENT}"):
        await instructed.confirm(first)


async def test_double_payment_that_its_partner_takes_back_is_resolved(instructed: PaymentHarness) -> None:
    first, _ = await pay_twice(instructed)
    await instructed.report(first, "returned", "AC04")
    assert claims(instructed)[1:] == [("claim_withdrawn", f"{first}-1", "returned")]
    assert await money(instructed) == {"claims": 0, "paid:incentive": 1, "returned": 0}
    for status in ("returned", "settled"):
        await instructed.report(first, status, "AC04")
    assert (await instructed.state("incentive_1"), await instructed.parked()) == ("settled", ["contradicts_final"])
    assert await instructed.balance("clearing:gopay") == 0


async def test_return_of_the_other_payment_leaves_the_decision_to_two_persons(instructed: PaymentHarness) -> None:
    first, second = await pay_twice(instructed)
    await instructed.report(second, "returned", "AC04")
    assert claims(instructed)[1:] == [("claim_withdrawn", f"{first}-1", "returned")]
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    assert await money(instructed) == {"claims": 0, "paid:incentive": 0, "returned": 0}
    await instructed.confirm(first)
    assert await instructed.state("incentive_1") == "settled"
    assert len(claims(instructed)) == 2


async def test_approval_of_a_third_attempt_says_that_the_first_was_not_paid(instructed: PaymentHarness) -> None:
    first, second = await instruct_twice(instructed)
    await instructed.report(first, "settled")
    await instructed.report(second, "rejected", "AC04")
    await instructed.receive(linked(day=2, partner="ovo"))
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    await instructed.report(instructed.instructions_for("incentive")[2].reference, "settled")
    assert (await instructed.state("incentive_1"), claims(instructed)) == ("settled", [])


async def test_both_payments_of_an_annulled_training_are_claimed(instructed: PaymentHarness) -> None:
    first, second = await pay_twice(instructed)
    await instructed.receive(voided())
    assert claims(instructed)[1:] == [("claim_opened", f"{second}-1", "voided")]
    assert await money(instructed) == {"claims": 2, "paid:incentive": 0, "returned": 0}
    await repay(instructed, f"{first}-1")


async def test_double_payment_is_posted_though_its_wave_has_no_money(harness: PaymentHarness) -> None:
    await harness.prepare(incentive=INCENTIVE)
    await harness.receive(*journey())
    first, _ = await pay_twice(harness)
    await harness.sweep()
    assert await harness.connection.fetchval("select overdrawn from funds where component = 'incentive'") == INCENTIVE
    overdrawn, twice = sorted(await harness.breaches())[::-1]
    assert overdrawn == f"wave 48, incentive: {INCENTIVE} rupiah went out and were not appropriated: {first}"
    assert "was paid more than once" in twice
    await harness.report(first, "returned", "AC04")
    await harness.sweep()
    assert await harness.connection.fetchval("select overdrawn from funds where component = 'incentive'") == 0


async def test_replay_of_a_contradiction_of_before_claims_it(
    instructed: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        pass

    with monkeypatch.context() as then:
        then.setattr(reports, "claim_double_payments", nothing)
        first, _ = await pay_twice(instructed)
    assert f"{CODE} incentive_1 was paid under {first} as well, and not claimed back" in await instructed.breaches()
    await instructed.report(first, "settled")
    await repay(instructed, f"{first}-1")


@pytest.mark.parametrize("repaid", [True, False])
async def test_claim_on_a_double_payment_survives_a_restore(restored: Restored, repaid: bool) -> None:
    before, after = restored.before, restored.after
    first, second = await pay_twice(before)
    if repaid:
        await repay(before, f"{first}-1")
    await restored.adopt()
    await after.prepare()
    await after.receive(*journey(), linked(day=1, partner="dana"))
    await after.report(first, "rejected", "AC04")
    await after.report(second, "settled")
    await after.report(first, "settled")
    told = [one for one in before.announced if one[0].startswith("claim")]
    assert [one for one in after.announced if one[0].startswith("claim")] == told
    assert len(await after.breaches()) == (0 if repaid else 1)
    for harness in (before, after):
        await harness.forget_contradictions()
    assert PARTICIPANT in str(told)
