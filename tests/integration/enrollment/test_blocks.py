"""Blocks and unblocks of participants, on a real database, and after a restore."""

from datetime import date, timedelta
from itertools import permutations

import pytest

from tests.builders import (
    ADMITTED_AT,
    LATER,
    Event,
    a_block,
    a_participant_id,
    a_purchase,
    a_wave,
    an_admission,
    an_unblock,
)
from tests.integration.enrollment.harness import WAIT_AT_MOST, EnrollmentHarness

HOUR = timedelta(hours=1)
BLOCKED_AT, UNBLOCKED_AT = ADMITTED_AT + 2 * HOUR, ADMITTED_AT + 4 * HOUR


@pytest.fixture
async def person(harness: EnrollmentHarness) -> str:
    """Admit a participant to wave 48."""
    admission = an_admission()
    await harness.receive(a_wave(), admission)
    harness.announced.clear()
    return str(admission.data["participant_id"])


def buy(person: str, hours: float) -> Event:
    return a_purchase(person, purchased_at=ADMITTED_AT + hours * HOUR)


async def test_block_and_unblock_are_announced_once(harness: EnrollmentHarness, person: str) -> None:
    block, unblock = a_block(person, BLOCKED_AT), an_unblock(person, UNBLOCKED_AT)
    await harness.receive(block, block.with_new_id(), block.with_data(reason="again"))
    await harness.receive(block.with_new_id(), unblock, unblock.with_new_id())
    assert harness.announced == [
        (
            "participant_blocked",
            {"participant_id": person, "reason": "ineligible", "blocked_at": block.data["blocked_at"]},
        ),
        (
            "participant_unblocked",
            {"participant_id": person, "reason": "eligible again", "unblocked_at": unblock.data["unblocked_at"]},
        ),
    ]
    assert (await harness.rows("block"), await harness.parked()) == (2, [])


async def test_block_that_is_read_after_a_later_one_is_announced_too(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(an_unblock(person, UNBLOCKED_AT), a_block(person, BLOCKED_AT), at_once=False)
    assert harness.event_names() == ["participant_unblocked", "participant_blocked"]


async def test_purchase_while_blocked_is_rejected_at_once(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_block(person, BLOCKED_AT), buy(person, 2))
    assert harness.reasons()[1:] == ["participant_blocked"]
    assert await harness.breaches() == []


async def test_unblock_from_before_the_purchase_confirms_it(harness: EnrollmentHarness, person: str) -> None:
    for order in permutations([a_block(person, BLOCKED_AT), an_unblock(person, UNBLOCKED_AT)]):
        await harness.connection.execute("truncate block, enrollment, tally, claim")
        await harness.receive(*(event.with_new_id() for event in order), buy(person, 4), at_once=False)
        assert harness.event_names().count("enrollment_confirmed") == 1
        harness.announced.clear()


async def test_unblock_from_after_the_purchase_does_not_confirm_it(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_block(person, BLOCKED_AT), an_unblock(person, UNBLOCKED_AT), buy(person, 3))
    assert harness.data_of("enrollment_rejected")[0]["reason"] == "participant_blocked"


async def test_what_was_confirmed_before_the_block_was_read_stands(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(buy(person, 3))
    await harness.receive(a_block(person, BLOCKED_AT))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert harness.event_names() == ["enrollment_confirmed", "participant_blocked"]


async def test_block_before_its_participant_is_deferred(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_block(person, BLOCKED_AT), buy(person, 3))
    assert await harness.rows("block") == 0
    await harness.receive(an_admission(person))
    assert harness.event_names() == ["participant_admitted", "participant_blocked", "enrollment_rejected"]
    assert await harness.connection.fetchval("select reason from enrollment") == "participant_blocked"


async def test_block_of_nobody_expires(harness: EnrollmentHarness) -> None:
    await harness.receive(a_block(a_participant_id(), BLOCKED_AT))
    harness.now += WAIT_AT_MOST
    await harness.sweep()
    assert await harness.parked() == [("wait_expired", "")]


async def test_block_of_a_refused_person_counts_if_a_later_wave_admits_them(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), a_wave("49"), an_admission(person, birth_date=date(2012, 1, 1)))
    await harness.receive(a_block(person, BLOCKED_AT))
    assert (await harness.rows("block"), await harness.parked()) == (1, [])
    await harness.receive(an_admission(person, wave="49"), buy(person, 3))
    assert await harness.connection.fetchval("select reason from enrollment") == "participant_blocked"


async def test_block_ahead_of_the_clock_is_out_of_window(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_block(person, LATER + 24 * HOUR))
    await harness.receive(an_unblock(person, LATER + 24 * HOUR))
    assert await harness.parked() == [("out_of_window", "/blocked_at"), ("out_of_window", "/unblocked_at")]


async def test_block_read_again_after_a_restore_is_announced_alike(harness: EnrollmentHarness, person: str) -> None:
    block = a_block(person, BLOCKED_AT)
    await harness.receive(block)
    (before,) = harness.announced
    await harness.reset()
    await harness.adopt(before)
    await harness.receive(a_wave(), an_admission(person), block)
    assert harness.announced[1:] == [before]
    assert await harness.breaches() == []


async def test_audit_trail_shows_blocks(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_block(person, BLOCKED_AT), an_unblock(person, UNBLOCKED_AT))
    found = await harness.definition.audit_trail(harness.connection, person)
    assert found is not None
    steps = found["decisions"]
    assert [(step["decision"], step["facts"]["reason"]) for step in steps[1:]] == [
        ("blocked", "ineligible"),
        ("unblocked", "eligible again"),
    ]


async def test_a_stored_block_cannot_be_changed(harness: EnrollmentHarness, person: str) -> None:
    await harness.receive(a_block(person, BLOCKED_AT))
    with pytest.raises(Exception, match="final"):
        await harness.connection.execute("update block set blocked = false")
