"""Restore: events emitted before it stay binding; the same partner is instructed to make the same payment."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.contracts.topics import lane_of
from shared.errors import Refused
from tests.builders import Event, funds
from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import (
    CODE,
    INCENTIVE,
    PARTICIPANT,
    RATED_AT,
    a_number,
    completed,
    confirmed,
    in_another_lane,
    journey,
    linked,
    of_lane,
    rated,
    reported,
)
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

STRANGE = "3Q2M9K4T1B8XW3ZA"


async def test_replay_instructs_the_same_payment_though_the_account_has_changed(
    restored: Restored,
) -> None:
    await restored.adopt()
    after = restored.after
    await after.prepare()
    await after.receive(linked(day=3, partner="dana", number="08129999"), *journey())
    assert after.instructions_for("incentive") == restored.before.instructions_for("incentive")
    assert after.instructions_for("fee") == restored.before.instructions_for("fee")
    assert after.instructions_for("incentive")[0].number == a_number(PARTICIPANT)

    await after.report(after.instructions_for("incentive")[0].reference, "settled")
    assert await after.state("incentive_1") == "settled"
    assert await after.breaches() == []


async def test_adopting_twice_changes_nothing_more(restored: Restored) -> None:
    await restored.adopt()
    await restored.adopt()
    await restored.after.prepare()
    await restored.after.receive(*journey())
    await restored.adopt()
    assert len(restored.after.instructions) == 2
    assert await restored.after.breaches() == []


async def test_adopted_payment_without_money_is_posted_and_named_until_funded(
    restored: Restored,
) -> None:
    await restored.adopt()
    after = restored.after
    await after.receive(*journey())
    assert await after.state("incentive_1") == "instructed"
    reference = restored.before.instructions_for("incentive")[0].reference
    assert any(
        "600000 rupiah went out and were not appropriated" in b and reference in b for b in await after.breaches()
    )
    await after.receive(linked(day=3, partner="dana"))
    await after.prepare()
    await after.sweep()
    assert after.instructions_for("incentive") == restored.before.instructions_for("incentive")
    assert await after.breaches() == []


async def test_second_attempt_made_before_a_restore_is_repeated_as_it_was(restored: Restored) -> None:
    before, after = restored.before, restored.after
    first = before.instructions_for("incentive")[0].reference
    await before.report(first, "rejected", "AC04")
    await before.receive(linked(day=1, partner="dana"))
    await before.sweep("retry")

    await restored.adopt()
    await after.prepare()
    await after.receive(*journey(), linked(day=1, partner="dana"), linked(day=2, partner="ovo"))
    await after.report(first, "rejected", "AC04")
    assert after.instructions_for("incentive") == before.instructions_for("incentive")
    assert [instruction.partner for instruction in after.instructions_for("incentive")] == ["gopay", "dana"]


async def test_report_on_an_adopted_reference_is_deferred_until_it_is_attached(restored: Restored) -> None:
    await restored.adopt()
    after = restored.after
    reference = restored.before.instructions_for("incentive")[0].reference
    await after.receive(reported("gopay", reference, "settled", INCENTIVE))
    await after.sweep()
    assert (await after.parked(), await after.halts()) == ([], [])
    await after.prepare()
    await after.receive(*journey())
    assert await after.state("incentive_1") == "settled"


async def test_unknown_reference_is_deferred_while_its_lane_catches_up(restored: Restored) -> None:
    after = restored.after
    stranger = reported("dana", f"{'0123456789AB'[lane_of(PARTICIPANT)]}{STRANGE[1:]}", "settled", INCENTIVE)
    await restored.catching_up(after.now)
    await after.receive(stranger)
    await after.sweep()
    assert (await after.parked(), await after.halts()) == ([], [])
    await restored.catching_up(None)
    await after.sweep()
    assert (await after.parked(), await after.halts()) == (["unknown_reference"], ["dana"])


async def test_hole_in_the_instructions_to_a_partner_halts_it(restored: Restored) -> None:
    await restored.adopt(whole=False)
    assert await restored.after.halts() == ["bni", "gopay"]


async def test_adopted_instruction_that_stays_unattached_is_a_breach(restored: Restored) -> None:
    await restored.adopt()
    breaches = await restored.after.breaches()
    why = "was instructed before a restore, and no entitlement read since explains it"
    assert sum(breach.endswith(why) for breach in breaches) == 2


FIRST, SECOND = "PRAT000000AA", "PRAT000000BB"
EARLIER = [completed(code=FIRST), rated(code=FIRST)]
LATER_ONE = [completed(code=SECOND, at=RATED_AT), rated(code=SECOND, at=RATED_AT + timedelta(days=1))]


@pytest.fixture(params=["instructed", "held"])
async def second_first(
    harness: PaymentHarness, postgres: PostgresServer, request: pytest.FixtureRequest
) -> AsyncIterator[Restored]:
    """Let the later training come first, so that the incentive falls due with it."""
    empty: Database = await postgres.lend("payment")
    account = [linked()] if request.param == "instructed" else []
    for batch in ([*account, confirmed(code=FIRST), confirmed(code=SECOND)], LATER_ONE, EARLIER):
        await harness.receive(*batch)
    await harness.prepare()
    await harness.sweep()
    after = await create_harness(empty)
    yield Restored(harness, after)
    await after.connection.close()
    await postgres.take_back(empty)


@pytest.mark.parametrize("batches", [[[*EARLIER, *LATER_ONE]], [LATER_ONE, EARLIER], [EARLIER, LATER_ONE]])
async def test_incentive_falls_due_again_with_its_announced_training(
    second_first: Restored, batches: list[list[Event]]
) -> None:
    await second_first.adopt()
    after = second_first.after
    await after.prepare()
    await after.receive(linked(), confirmed(code=FIRST), confirmed(code=SECOND))
    for batch in batches:
        await after.receive(*batch)
    rows = await after.connection.fetch("select redeem_code from disbursement where benefit = 'incentive_1'")
    assert [row["redeem_code"] for row in rows] == [SECOND]
    assert after.instructions_for("incentive")[
        : len(second_first.before.instructions_for("incentive"))
    ] == second_first.before.instructions_for("incentive")
    assert await after.breaches() == []
    assert await after.connection.fetch("select from remembered") == []


async def test_known_grant_is_not_remembered_twice(second_first: Restored) -> None:
    await second_first.before.adopt(second_first.before.pages)
    assert await second_first.before.connection.fetch("select from remembered") == []


OTHER = in_another_lane(PARTICIPANT)
OTHER_CODE = "PRAT000000ZZ"
NEIGHBOUR = of_lane(lane_of(OTHER))
NEIGHBOURS_CODE = "PRAT000000YY"


def journey_of_another() -> list[Event]:
    return journey(OTHER, OTHER_CODE)


async def test_money_of_adopted_instructions_is_kept_until_they_are_attached(restored: Restored) -> None:
    after = restored.after
    await after.prepare(incentive=INCENTIVE)
    await restored.adopt()
    await after.receive(*journey_of_another())
    await after.sweep()
    assert await after.state("incentive_1", OTHER_CODE) == "held(no_funds)"
    await after.receive(*journey())
    assert after.instructions_for("incentive") == restored.before.instructions_for("incentive")
    assert await after.breaches() == []


async def test_money_in_another_lanes_allotment_is_kept_for_adopted_instructions(restored: Restored) -> None:
    """The copy is of a time when that lane had been allotted a block."""
    after = restored.after
    await after.prepare(incentive=2 * INCENTIVE)
    await after.receive(*journey_of_another())
    await restored.adopt()
    await after.receive(*journey(NEIGHBOUR, NEIGHBOURS_CODE))
    await after.sweep()
    assert await after.state("incentive_1", NEIGHBOURS_CODE) == "held(no_funds)"
    await after.receive(*journey())
    assert await after.state("incentive_1", CODE) == "instructed"
    assert await after.breaches() == []


async def test_adopted_instruction_whose_money_is_gone_stands_and_is_named(restored: Restored) -> None:
    after, reference = restored.after, restored.before.instructions_for("incentive")[0].reference
    await after.prepare(incentive=INCENTIVE)
    await after.receive(*journey_of_another())
    await restored.adopt()
    assert any("0 are not allotted" in breach and reference in breach for breach in await after.breaches())
    await after.receive(*journey())
    assert await after.state("incentive_1", CODE) == "instructed"
    assert any("600000 rupiah went out" in breach and reference in breach for breach in await after.breaches())
    await after.receive(funds("48", "incentive", rupiah=INCENTIVE))
    await after.sweep()
    assert await after.breaches() == []


async def test_unannounced_instruction_halts_its_component_until_it_is_known(restored: Restored) -> None:
    after = restored.after
    to_gopay = [page for page in restored.before.pages if page.topic == "disbursements.gopay"]
    await after.prepare()
    await after.adopt(to_gopay)
    await after.receive(*journey_of_another())
    await after.sweep()
    assert await after.state("incentive_1", OTHER_CODE) == "held(halted)"
    assert await after.state("fee", OTHER_CODE) == "instructed"
    assert [breach.partition(" ")[0] for breach in await after.breaches()] == [
        restored.before.instructions_for("incentive")[0].reference
    ]
    await after.receive(*journey())
    await after.sweep()
    assert await after.state("incentive_1", CODE) == "instructed"
    assert await after.state("incentive_1", OTHER_CODE) == "instructed"
    assert await after.breaches() == []


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "instructed only"])
async def test_adopted_attempt_is_not_retried_on_an_account_known_to_be_closed(
    restored: Restored, *, announced: bool
) -> None:
    after, reference = restored.after, restored.before.instructions_for("incentive")[0].reference
    pages = [page for page in restored.before.pages if announced or page.topic != "payment.events"]
    await after.prepare()
    await after.adopt(pages)
    await after.receive(*journey())
    await after.report(reference, "rejected", "AC04")
    await after.receive(linked())
    await after.sweep()
    assert await after.state("incentive_1") == "held(account_closed)"
    await after.receive(linked(day=200, partner="dana"))
    await after.sweep()
    assert [instruction.partner for instruction in after.instructions_for("incentive")] == ["gopay", "dana"]
    assert await after.breaches() == []


async def test_rejected_adopted_attempt_keeps_no_money(restored: Restored) -> None:
    before, after = restored.before, restored.after
    await before.report(before.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await after.prepare(incentive=INCENTIVE)
    await restored.adopt()
    await after.receive(*journey_of_another())
    assert await after.state("incentive_1", OTHER_CODE) == "instructed"


async def test_money_returned_to_an_allotment_is_kept_for_adopted_instructions(restored: Restored) -> None:
    """Another had committed it, and is rejected: no other in the same lane takes it again."""
    after = restored.after
    await after.prepare(incentive=INCENTIVE)
    await after.receive(*journey_of_another())
    await restored.adopt()
    await after.report(after.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await after.receive(*journey(NEIGHBOUR, NEIGHBOURS_CODE))
    assert await after.state("incentive_1", NEIGHBOURS_CODE) == "held(no_funds)"
    await after.sweep()
    assert await after.state("incentive_1", NEIGHBOURS_CODE) == "held(no_funds)"
    await after.receive(*journey())
    assert await after.state("incentive_1", CODE) == "instructed"
    assert await after.breaches() == []


async def test_retry_with_kept_and_new_money_is_paid_once(restored: Restored) -> None:
    after = restored.after
    await after.receive(*journey())
    assert await after.state("incentive_1", CODE) == "held(no_funds)"
    await restored.adopt()
    await after.prepare(incentive=2 * INCENTIVE)
    await after.sweep()
    assert after.instructions_for("incentive") == restored.before.instructions_for("incentive")
    assert await after.breaches() == []


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "instructed only"])
@pytest.mark.parametrize("reason", ["AM05", "MS03"])
@pytest.mark.parametrize("answer", [("settled", None), ("rejected", "AC04")])
async def test_adopted_attempt_is_repeated_though_its_approval_was_lost(
    restored: Restored, answer: tuple[str, str | None], reason: str, *, announced: bool
) -> None:
    before, after = restored.before, restored.after
    await after.prepare()
    await after.receive(*journey())
    for harness in (before, after):
        await harness.report(before.instructions_for("incentive")[0].reference, "rejected", reason)
    known = len(before.pages)
    await before.approve(CODE, "incentive_1")
    await before.sweep()
    second = before.instructions_for("incentive")[1]
    await before.report(second.reference, *answer)

    await after.adopt([page for page in before.pages[known:] if announced or page.topic != "payment.events"])
    await after.sweep()
    assert after.instructions_for("incentive")[1:] == [second]
    await after.report(second.reference, *answer)
    state = "held(needs_approval)" if reason == "AM05" else "held(account_closed)"
    assert await after.state("incentive_1") == ("settled" if answer[0] == "settled" else state)
    assert await after.breaches() == []


@pytest.fixture
async def second_instructed(restored: Restored) -> Restored:
    """Restore a copy in which the first attempt is frozen.

    The second, approved and instructed since, is only in our own topics.
    """
    before, after = restored.before, restored.after
    await after.prepare()
    await after.receive(*journey())
    for harness in (before, after):
        await harness.report(before.instructions_for("incentive")[0].reference, "rejected", "AM05")
    known = len(before.pages)
    await before.approve(CODE, "incentive_1")
    await before.sweep()
    await after.adopt(before.pages[known:])
    return restored


@pytest.mark.parametrize("shown", ["needs_approval", "account_unverified"])
async def test_confirm_is_refused_if_a_later_attempt_precedes_the_restore(
    second_instructed: Restored, shown: str
) -> None:
    before, after = second_instructed.before, second_instructed.after
    first, second = (instruction.reference for instruction in before.instructions_for("incentive"))
    if shown == "account_unverified":
        await after.connection.execute(f"update disbursement set reason = '{shown}' where frozen")
    with pytest.raises(Refused, match=f"attempt 2 of {CODE} incentive_1, {second}, was instructed before a restore"):
        await after.confirm(first)
    if shown == "account_unverified":
        await after.connection.execute("update disbursement set reason = 'needs_approval' where frozen")
    await after.sweep()
    assert after.instructions_for("incentive")[1:] == before.instructions_for("incentive")[1:]
    await after.report(second, "rejected", "AM05")
    await after.confirm(first)
    assert await after.state("incentive_1") == "settled"
    assert await after.breaches() == []


async def test_nobody_confirms_while_the_lane_is_catching_up(instructed: PaymentHarness) -> None:
    first = instructed.instructions_for("incentive")[0].reference
    await instructed.report(first, "rejected", "AM05")
    await instructed.connection.execute("update lane set catching_up_since = now()")
    with pytest.raises(Refused, match="is catching up after a restore: wait until"):
        await instructed.confirm(first)
    await instructed.connection.execute("update lane set catching_up_since = null")
    await instructed.confirm(first)
    assert await instructed.state("incentive_1") == "settled"
