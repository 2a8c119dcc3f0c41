"""Cut-offs: what is unpaid of a wave is forfeited, and its unused money returns to the treasury, to the rupiah."""

from datetime import timedelta

import asyncpg
import pytest

from tests.builders import LATER, a_provider, funds
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    blocked,
    completed,
    confirmed,
    in_another_lane,
    in_one_lane,
    journey,
    linked,
    of_lane,
    rated,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness

CUT_OFF = LATER + timedelta(days=2)
OTHER = "PRAT000000BB"
GIVEN = 10**9


async def pass_cut_off(harness: PaymentHarness) -> None:
    """Let the clock act on the cut-off, and return what is unused."""
    harness.now = max(harness.now, CUT_OFF)
    await harness.sweep()
    await harness.sweep("return_to_treasury")


def last(harness: PaymentHarness, benefit: str) -> tuple[str, object]:
    return next((name, data["reason"]) for name, data in reversed(harness.announced) if data["benefit"] == benefit)


async def returned(harness: PaymentHarness) -> tuple[int, int]:
    """Return the rupiah that are the treasury's again, and those that are neither paid nor returned."""
    left = sum([await harness.balance(name) for name in ("appropriation", "reserved:training", "reserved:incentive")])
    return await harness.balance("returned"), left


async def earn(harness: PaymentHarness, *, linked_to: bool = True) -> None:
    events = journey(cut_off_at=CUT_OFF)
    await harness.receive(*(events if linked_to else events[1:]))


async def test_what_is_held_is_forfeited_at_the_cut_off_and_not_before(harness: PaymentHarness) -> None:
    await earn(harness, linked_to=False)
    harness.now = CUT_OFF - timedelta(seconds=1)
    await harness.sweep()
    assert await harness.state("fee") == "held(no_provider_account)"
    harness.now = CUT_OFF
    await harness.sweep(read_through=CUT_OFF - timedelta(seconds=1))
    assert await harness.state("incentive_1") == "held(no_account)"
    await harness.sweep()
    for benefit, held in (("fee", "no_provider_account"), ("incentive_1", "no_account")):
        assert harness.event_names(benefit) == ["scheduled", f"held({held})", "forfeited"]
        assert last(harness, benefit) == ("forfeited", "cut_off")
    await harness.receive(a_provider(), linked(), voided(), blocked(), unblocked())
    await harness.sweep()
    assert (harness.instructions, await harness.state("fee")) == ([], "forfeited")


async def test_all_unused_money_of_the_wave_returns_to_the_treasury(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    await pass_cut_off(harness)
    assert await harness.state("incentive_1") == "instructed"
    assert await returned(harness) == (2 * GIVEN - FEE - INCENTIVE, 0)


async def test_money_that_flows_back_later_returns_as_well(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await pass_cut_off(harness)
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AC04")
    await harness.sweep()
    assert harness.event_names("fee")[-2:] == ["held(account_closed)", "forfeited"]
    await harness.report(harness.instructions_for("incentive")[0].reference, "settled")
    assert await returned(harness) == (2 * GIVEN - INCENTIVE, 0)


@pytest.mark.parametrize("code", ["LEGL", "AC04", "AM04", "MS03"])
async def test_rejection_past_the_cut_off_forfeits_for_any_reason(harness: PaymentHarness, code: str) -> None:
    await harness.prepare()
    await earn(harness)
    await pass_cut_off(harness)
    references = [one.reference for one in harness.instructions]
    await harness.receive(*(harness.answer(reference, "rejected", code) for reference in references))
    assert await harness.state("fee") == await harness.state("incentive_1") == "forfeited"
    assert last(harness, "fee") == ("forfeited", "cut_off")


async def test_money_appropriated_after_the_cut_off_is_returned(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), confirmed(cut_off_at=CUT_OFF))
    await pass_cut_off(harness)
    await harness.receive(funds("48", "training", rupiah=FEE))
    await harness.receive(completed())
    assert harness.event_names("fee") == ["scheduled", "forfeited"]
    await harness.sweep()
    assert await returned(harness) == (FEE, 0)


async def test_what_falls_due_after_the_cut_off_is_forfeited_at_once(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(cut_off_at=CUT_OFF))
    await pass_cut_off(harness)
    await harness.receive(completed(), rated())
    assert harness.event_names("fee") == harness.event_names("incentive_1") == ["scheduled", "forfeited"]
    assert harness.instructions == []


async def test_queue_for_money_is_forfeited_and_its_rest_returned(harness: PaymentHarness) -> None:
    people = [*in_one_lane(2), in_another_lane(in_one_lane(1)[0])]
    await harness.prepare(training=2 * FEE - 1)
    for number, person in enumerate(people):
        code = f"PRAT0000000{number}"
        await harness.receive(confirmed(person, code, cut_off_at=CUT_OFF), completed(person, code))
    await pass_cut_off(harness)
    assert [
        len(harness.instructions_for("fee")),
        await harness.connection.fetchval("select bool_or(short) from funds"),
    ] == [1, False]
    states = await harness.connection.fetch("select state from disbursement order by redeem_code")
    assert [row["state"] for row in states] == ["instructed", "forfeited", "forfeited"]
    assert await returned(harness) == (GIVEN + FEE - 1, 0)


async def test_money_stays_until_every_lane_has_passed_the_cut_off(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    harness.now = CUT_OFF
    await harness.sweep(lanes=range(11))
    await harness.sweep("return_to_treasury")
    assert await harness.balance("returned") == 0
    late = of_lane(11, 1)
    await harness.receive(confirmed(late, OTHER, cut_off_at=CUT_OFF), completed(late, OTHER))
    assert await harness.state("fee", OTHER) == "instructed"
    await pass_cut_off(harness)
    assert (await returned(harness))[0] == 2 * GIVEN - 2 * FEE - INCENTIVE


async def test_cut_off_heard_of_late_waits_for_what_is_on_its_way(harness: PaymentHarness) -> None:
    harness.now = CUT_OFF + timedelta(days=300)
    await harness.receive(confirmed(cut_off_at=CUT_OFF), completed(), rated())
    harness.now += timedelta(hours=24) - timedelta(seconds=1)
    await harness.receive(confirmed(cut_off_at=CUT_OFF))
    await harness.sweep()
    await harness.prepare()
    await harness.sweep()
    assert await harness.state("fee") == "instructed"
    harness.now += timedelta(seconds=1)
    await harness.sweep()
    assert await harness.state("incentive_1") == "forfeited"


async def test_cut_off_is_known_again_after_a_batch_that_failed(harness: PaymentHarness) -> None:
    with pytest.raises(ConnectionResetError):
        await harness.receive(confirmed(cut_off_at=CUT_OFF), broken=True)
    await harness.receive(confirmed(cut_off_at=CUT_OFF))
    await harness.receive(confirmed(of_lane(3, 1), OTHER, cut_off_at=CUT_OFF))
    await harness.receive(confirmed(of_lane(4, 1), "PRAT000000CC", wave="47", cut_off_at=CUT_OFF))
    assert await harness.connection.fetchval("select count(*) from cut_off where cut_off_at = $1", CUT_OFF) == 24


async def test_wave_without_a_cut_off_is_paid_for_ever(harness: PaymentHarness) -> None:
    await harness.receive(*journey())
    harness.now = CUT_OFF + timedelta(days=3650)
    await harness.sweep()
    await harness.prepare()
    await harness.sweep()
    assert await harness.state("fee") == await harness.state("incentive_1") == "instructed"


async def test_cured_attempt_that_waits_for_reports_goes_before_the_cut_off(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    harness.now = CUT_OFF
    await harness.receive(linked(day=1, partner="dana"))
    await harness.sweep(read_through=CUT_OFF)
    assert await harness.state("incentive_1") == "instructed"


async def test_cure_read_after_the_cut_off_is_tried_before_it_passes(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    harness.now = CUT_OFF + timedelta(minutes=1)
    await harness.receive(linked(day=1, partner="dana"))
    await harness.sweep(read_through=CUT_OFF)
    assert await harness.state("incentive_1") == "held(account_closed)"
    await harness.sweep()
    assert await harness.state("incentive_1") == "instructed"


async def test_pause_that_ends_after_the_cut_off_is_forfeited(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    harness.now = CUT_OFF - timedelta(minutes=1)
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "ED05")
    await pass_cut_off(harness)
    assert await harness.state("incentive_1") == "forfeited"


async def test_blocked_is_forfeited_and_annulled_is_cancelled(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    other = in_another_lane(PARTICIPANT)
    await harness.receive(*journey(other, OTHER, cut_off_at=CUT_OFF))
    await harness.receive(blocked(at=COMPLETED_AT), voided(other, OTHER))
    await pass_cut_off(harness)
    for instruction in list(harness.instructions):
        await harness.report(instruction.reference, "rejected", "AC04")
    assert await harness.state("incentive_1", CODE) == "forfeited"
    assert await harness.state("incentive_1", OTHER) == "cancelled"


async def test_settled_after_the_cut_off_stays_paid_and_is_claimed(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await pass_cut_off(harness)
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    await harness.receive(revoked())
    await harness.sweep()
    assert harness.event_names("fee")[-2:] == ["settled", "claim_opened"]
    assert await harness.balance("claims") == FEE


async def test_void_of_what_is_forfeited_gives_no_other_training_the_incentive(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(cut_off_at=CUT_OFF), completed(), rated())
    await pass_cut_off(harness)
    await harness.receive(confirmed(code=OTHER, cut_off_at=CUT_OFF), completed(code=OTHER), rated(code=OTHER), voided())
    assert await harness.state("incentive_1") == "forfeited"
    assert await harness.state("incentive_1", OTHER) == ""


async def test_monthly_incentive_after_the_cut_off_is_forfeited(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(months=2, cut_off_at=CUT_OFF), completed(), rated(at=LATER))
    await pass_cut_off(harness)
    harness.now = LATER + timedelta(days=70)
    await harness.sweep()
    assert harness.event_names("incentive_2") == ["scheduled", "forfeited"]
    assert harness.event_names("incentive_3") == ["scheduled", "forfeited"]


class TestFrozen:
    """Frozen disbursements: they stay for a person to review, and so does their money."""

    async def freeze(self, harness: PaymentHarness) -> str:
        await harness.prepare()
        await earn(harness)
        reference = harness.instructions_for("fee")[0].reference
        await harness.report(reference, "rejected", "FR01")
        await harness.report(harness.instructions_for("incentive")[0].reference, "settled")
        await pass_cut_off(harness)
        assert await harness.state("fee") == "held(needs_approval)"
        assert await returned(harness) == (2 * GIVEN - FEE - INCENTIVE, FEE)
        return reference

    async def test_approval_forfeits_it(self, harness: PaymentHarness) -> None:
        await self.freeze(harness)
        await harness.approve(CODE, "fee")
        await pass_cut_off(harness)
        assert await harness.state("fee") == "forfeited"
        assert await returned(harness) == (2 * GIVEN - INCENTIVE, 0)

    async def test_approval_forfeits_it_though_its_account_cannot_be_paid(self, harness: PaymentHarness) -> None:
        await harness.prepare()
        await earn(harness)
        await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "FR01")
        await harness.receive(linked(day=1, verified=False))
        await pass_cut_off(harness)
        await harness.approve(CODE, "incentive_1")
        await pass_cut_off(harness)
        assert await harness.state("incentive_1") == "forfeited"

    async def test_confirmation_settles_it_with_the_money_that_was_kept(self, harness: PaymentHarness) -> None:
        reference = await self.freeze(harness)
        await harness.confirm(reference)
        await pass_cut_off(harness)
        assert await harness.state("fee") == "settled"
        assert await harness.balance("paid:fee") == FEE
        assert await returned(harness) == (2 * GIVEN - FEE - INCENTIVE, 0)

    async def test_block_and_unblock_leave_it_to_a_person(self, harness: PaymentHarness) -> None:
        await self.freeze(harness)
        await harness.receive(blocked())
        assert await harness.state("fee") == "held(participant_blocked)"
        await harness.receive(unblocked())
        await pass_cut_off(harness)
        assert await harness.state("fee") == "held(needs_approval)"

    async def test_frozen_at_a_partner_is_held_for_a_person(self, harness: PaymentHarness) -> None:
        await harness.prepare()
        await earn(harness)
        reference = harness.instructions_for("fee")[0].reference
        await harness.report(reference, "settled", amount=FEE + 1)
        await pass_cut_off(harness)
        await harness.report(reference, "rejected", "AC04")
        await harness.sweep()
        assert await harness.state("fee") == "held(needs_approval)"


@pytest.mark.parametrize(
    "change",
    [
        "update disbursement set state = 'held', reason = 'no_account' where state = 'forfeited'",
        "update cut_off set passed_at = null, ledger_number = null",
        "update cut_off set cleared = false",
        "delete from cut_off",
    ],
)
async def test_the_database_lets_nothing_go_on_past_a_cut_off(harness: PaymentHarness, change: str) -> None:
    await earn(harness)
    await pass_cut_off(harness)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await harness.connection.execute(change)


async def test_views_show_the_cut_off_and_what_was_returned(harness: PaymentHarness) -> None:
    await harness.prepare()
    await earn(harness)
    await pass_cut_off(harness)
    view = harness.definition.views["/funds"]
    shown = {row["component"]: row for row in await view(harness.connection)}  # type: ignore[attr-defined]
    assert (shown["training"]["returned"], shown["training"]["free"]) == (GIVEN - FEE, 0)
    trail = await harness.definition.audit_trail(harness.connection, PARTICIPANT)
    assert trail is not None
    enrollment = trail["enrollments"][0]  # type: ignore[index]
    assert enrollment["cut_off_at"] == enrollment["cut_off_passed_at"] == f"{CUT_OFF:%Y-%m-%dT%H:%M:%SZ}"
