"""Blocked participants: each state of a payment, whatever is read first."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import asyncpg
import pytest

from tests.builders import a_provider, funds
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    VOIDED_AT,
    blocked,
    completed,
    confirmed,
    journey,
    linked,
    rated,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness

HELD = "held(participant_blocked)"
EARLY = COMPLETED_AT - timedelta(hours=1)
"""Before what partners state as the time of their reports."""


def claims(harness: PaymentHarness) -> list[tuple[str, str, str]]:
    """Return name, claim number and reason of each event about a claim."""
    told = [(name, data) for name, data in harness.announced if name.startswith("claim")]
    return [(name, str(data["claim"])[17:], data["reason"]) for name, data in told]


async def _references(harness: PaymentHarness) -> dict[str, str]:
    """Return the reference of each incentive by the code of its training."""
    rows = await harness.connection.fetch("select redeem_code, reference from disbursement where payee = 'participant'")
    return {row["redeem_code"]: row["reference"] for row in rows}


async def states(harness: PaymentHarness) -> list[str]:
    return [await harness.state("fee"), await harness.state("incentive_1")]


async def test_benefits_of_a_blocked_participant_are_held_until_the_unblock(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), blocked())
    await harness.receive(completed(), rated())
    await harness.receive(linked(day=1, partner="dana"))
    await harness.sweep()
    assert (await states(harness), harness.instructions) == ([HELD, HELD], [])
    await harness.receive(unblocked())
    assert await states(harness) == ["instructed", "instructed"]
    assert harness.event_names("fee") == ["scheduled", HELD, "instructed"]


@pytest.mark.parametrize("limit", ["no_account", "no_funds", "halted"])
async def test_block_is_shown_above_all_other_reasons(harness: PaymentHarness, limit: str) -> None:
    await harness.receive(a_provider())
    if limit != "no_funds":
        await harness.receive(funds("48", "training"), funds("48", "incentive"))
    if limit == "halted":
        await harness.connection.execute("insert into halt values ('all', now(), 'Ani', 'a test')")
    await harness.receive(confirmed(), completed(), rated(), *([] if limit == "no_account" else [linked()]))
    assert await harness.state("incentive_1") == f"held({limit})"
    await harness.receive(blocked())
    assert await harness.state("incentive_1") == HELD
    await harness.sweep()
    assert await harness.state("incentive_1") == HELD
    await harness.receive(unblocked())
    assert await harness.state("incentive_1") == f"held({limit})"


async def test_block_and_unblock_count_by_their_times(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey()[:2], unblocked(at=VOIDED_AT + timedelta(days=2)))
    await harness.receive(blocked(at=VOIDED_AT), completed())
    assert await harness.state("fee") == "instructed"
    await harness.receive(blocked(at=VOIDED_AT + timedelta(days=2)), rated())
    assert await harness.state("incentive_1") == HELD


async def test_attempt_at_a_partner_goes_on_and_is_held_when_rejected(instructed: PaymentHarness) -> None:
    await instructed.receive(blocked())
    assert await states(instructed) == ["instructed", "instructed"]
    for instruction in list(instructed.instructions):
        await instructed.report(instruction.reference, "rejected", "ED05")
    await instructed.sweep()
    instructed.now += timedelta(hours=2)
    await instructed.sweep()
    assert await states(instructed) == [HELD, HELD]
    assert len(instructed.instructions) == 2
    await instructed.receive(unblocked())
    await instructed.sweep()
    assert await states(instructed) == ["instructed", "instructed"]


async def test_unblock_pays_into_no_account_that_was_closed(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await instructed.receive(blocked())
    await instructed.receive(unblocked())
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "held(account_closed)"
    assert instructed.event_names("incentive_1")[-3:] == ["held(account_closed)", HELD, "held(account_closed)"]
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    assert await instructed.state("incentive_1") == "instructed"


async def test_account_linked_during_a_block_is_used_after_the_unblock(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04")
    await instructed.receive(blocked(), linked(day=1, partner="dana"))
    await instructed.sweep()
    assert await instructed.state("incentive_1") == HELD
    await instructed.receive(unblocked())
    await instructed.sweep()
    assert [instruction.partner for instruction in instructed.instructions_for("incentive")] == ["gopay", "dana"]


@pytest.mark.parametrize("rejected_first", [True, False])
async def test_contradiction_during_a_block_freezes_below_it(instructed: PaymentHarness, rejected_first: bool) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    reject = instructed.answer(reference, "rejected", "AC04")
    for event in (reject, blocked()) if rejected_first else (blocked(), reject):
        await instructed.receive(event)
    await instructed.report(reference, "settled")
    assert await instructed.state("incentive_1") == HELD
    await instructed.receive(unblocked())
    assert await instructed.state("incentive_1") == "held(needs_approval)"
    await instructed.approve(CODE, "incentive_1")
    await instructed.forget_contradictions()


@pytest.mark.parametrize("block_first", [True, False])
async def test_cash_paid_after_a_block_is_claimed_until_the_unblock(
    instructed: PaymentHarness, block_first: bool
) -> None:
    settled = [instructed.answer(instruction.reference, "settled") for instruction in instructed.instructions]
    for events in ([blocked(at=EARLY)], settled) if block_first else (settled, [blocked(at=EARLY)]):
        await instructed.receive(*events)
    assert claims(instructed) == [("claim_opened", "1", "blocked")]
    assert await instructed.balance("claims") == INCENTIVE
    await instructed.receive(unblocked())
    assert claims(instructed)[1:] == [("claim_withdrawn", "1", "unblocked")]
    assert (await instructed.balance("claims"), await instructed.balance("paid:incentive")) == (0, INCENTIVE)


@pytest.mark.parametrize("block_first", [True, False])
@pytest.mark.parametrize(("seconds", "claimed"), [(0, True), (1, False)])
async def test_only_cash_paid_at_or_after_the_block_is_claimed(
    instructed: PaymentHarness, block_first: bool, seconds: int, claimed: bool
) -> None:
    settled = instructed.answer(instructed.instructions_for("incentive")[0].reference, "settled")
    block = blocked(at=COMPLETED_AT + timedelta(seconds=seconds))
    for event in (block, settled) if block_first else (settled, block):
        await instructed.receive(event)
    assert bool(claims(instructed)) is claimed


async def test_second_block_opens_a_second_claim(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "settled")
    await instructed.receive(blocked(at=EARLY))
    await instructed.receive(unblocked(at=EARLY + timedelta(minutes=1)))
    await instructed.receive(blocked(at=EARLY + timedelta(minutes=2)))
    assert [claim[:2] for claim in claims(instructed)] == [
        ("claim_opened", "1"),
        ("claim_withdrawn", "1"),
        ("claim_opened", "2"),
    ]


@pytest.mark.parametrize(
    ("blocks", "unblock", "claimed"),
    [((-2, 2), None, True), ((-2, 2), 1, False), ((-2, 2), -1, False), ((-3, -1), -2, True), ((-2, 0), 0, True)],
)
async def test_cash_paid_during_a_block_is_claimed_whatever_is_read_first(
    harness: PaymentHarness, blocks: Sequence[int], unblock: int | None, claimed: bool
) -> None:
    kinds = ["settled", *("block" for _ in blocks), *([] if unblock is None else ["unblock"])]
    orders = list(permutations(range(len(kinds))))
    people = {f"48100000000{number:05}": f"PRAT0000{number:04}" for number in range(len(orders))}
    await harness.prepare()
    await harness.receive(*map(linked, people))
    for event in (confirmed, completed, rated):
        await harness.receive(*(event(person, code) for person, code in people.items()))
    minutes = [0, *blocks, *([] if unblock is None else [unblock])]
    changes = {"block": blocked, "unblock": unblocked}
    settled = await _references(harness)
    for step in range(len(kinds)):
        events = []
        for order, (person, code) in zip(orders, people.items(), strict=True):
            kind, at = kinds[order[step]], COMPLETED_AT + timedelta(minutes=minutes[order[step]])
            events.append(harness.answer(settled[code], kind) if kind == "settled" else changes[kind](person, at=at))
        await harness.receive(*events)
    assert await harness.balance("claims") == (INCENTIVE * len(people) if claimed else 0)


@pytest.mark.parametrize(("annul", "reason"), [(voided, "voided"), (revoked, "revoked")])
@pytest.mark.parametrize("block_first", [True, False])
async def test_unblock_leaves_the_claim_of_an_annulled_training(
    instructed: PaymentHarness, annul: object, reason: str, block_first: bool
) -> None:
    assert callable(annul)
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "settled")
    for event in (blocked(at=EARLY), annul()) if block_first else (annul(), blocked(at=EARLY)):
        await instructed.receive(event)
    await instructed.receive(unblocked())
    replaced = [("claim_opened", "1", "blocked"), ("claim_withdrawn", "1", reason), ("claim_opened", "2", reason)]
    assert claims(instructed) == (replaced if block_first else [("claim_opened", "1", reason)])
    assert await instructed.balance("claims") == INCENTIVE


async def test_void_cancels_what_a_block_holds(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), blocked())
    await harness.receive(completed(), rated())
    await harness.receive(voided())
    await harness.receive(unblocked())
    assert await states(harness) == ["cancelled", "cancelled"]
    assert harness.instructions == []


async def test_database_refuses_a_withdrawn_claim_to_be_opened_again(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "settled")
    await instructed.receive(blocked(at=EARLY))
    await instructed.receive(unblocked())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await instructed.connection.execute("update money_claim set state = 'open', closed_at = null")


async def test_block_of_an_unknown_participant_holds_what_comes_later(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(blocked())
    await harness.receive(*journey())
    assert (await states(harness), FEE) == ([HELD, HELD], 1_500_000)
