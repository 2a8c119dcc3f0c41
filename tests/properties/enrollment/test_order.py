"""Events repeated, reordered and delayed by upstream: the decisions are the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    Event,
    a_block,
    a_nik,
    a_participant_id,
    a_purchase,
    a_void,
    a_wave,
    an_account,
    an_admission,
    an_unblock,
)
from tests.infrastructure import Database
from tests.integration.enrollment.harness import EnrollmentHarness, completed, create_harness, rated, revoked
from tests.properties.on_postgres import ON_POSTGRES

DAY = timedelta(days=1)
PERSON, NIK = a_participant_id(), a_nik()
FIRST = a_purchase(PERSON)
# So late after admission that it can only be the second one.
SECOND = a_purchase(PERSON, purchased_at=ADMITTED_AT + 17 * DAY, price={"value": 1_400_000, "currency": "IDR"})
CODES = [FIRST.data["redeem_code"], SECOND.data["redeem_code"]]
TIMELINE = [
    a_wave(),
    an_admission(PERSON, nik=NIK),
    an_account(PERSON, nik=NIK, partner="ovo"),
    an_account(PERSON, nik=NIK, partner="bni", linked_at=write_time(ADMITTED_AT + DAY)),
    FIRST,
    completed(PERSON, CODES[0], ADMITTED_AT + 4 * DAY),
    rated(PERSON, CODES[0], ADMITTED_AT + 5 * DAY),
    SECOND,
]
# Bought one after the other; the first is voided before the second is bought, the second is revoked after the third.
VOIDED = a_purchase(PERSON)
REVOKED = a_purchase(PERSON, purchased_at=ADMITTED_AT + 3 * DAY, price={"value": 2_000_000, "currency": "IDR"})
LAST = a_purchase(PERSON, purchased_at=ADMITTED_AT + 8 * DAY)
CHANGES_OF_MIND = [
    a_wave(),
    an_admission(PERSON, nik=NIK),
    VOIDED,
    a_void(VOIDED, ADMITTED_AT + 2 * DAY),
    a_block(PERSON, ADMITTED_AT + 2 * DAY),
    an_unblock(PERSON, ADMITTED_AT + 3 * DAY),
    REVOKED,
    completed(PERSON, REVOKED.data["redeem_code"], ADMITTED_AT + 7 * DAY),
    rated(PERSON, REVOKED.data["redeem_code"], ADMITTED_AT + 7 * DAY),
    LAST,
    revoked(PERSON, REVOKED.data["redeem_code"], ADMITTED_AT + 9 * DAY),
    a_block(PERSON, ADMITTED_AT + 9 * DAY),
]
REAL = settings(ON_POSTGRES, max_examples=60)


def with_competitors_first(order: Sequence[Event]) -> list[Event]:
    """Move later purchases behind all that they compete with: an earlier one, its void, a block and its end."""
    missing, held, moved = list(CHANGES_OF_MIND[2:6]), list[Event](), list[Event]()
    for event in order:
        if missing and event in (REVOKED, LAST):
            held.append(event)
            continue
        moved.append(event)
        if event in missing:
            missing.remove(event)
        if not missing:
            moved += held
            held = []
    return moved


@st.composite
def shuffled_batches(draw: st.DrawFn, timeline: Sequence[Event] = TIMELINE) -> list[list[Event]]:
    """Draw batches of the whole timeline, each event one to three times, in any order."""
    repeated = [event for event in timeline for _ in range(draw(st.integers(1, 3)))]
    order = list(draw(st.permutations(repeated)))
    if timeline is CHANGES_OF_MIND:
        order = with_competitors_first(order)
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=8)))
    return [list(order[start:end]) for start, end in pairwise([0, *cuts, len(order)])]


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[EnrollmentHarness]:
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()


@REAL
@given(batches=shuffled_batches())
async def test_any_order_and_repetition_give_the_same_result(
    harness: EnrollmentHarness, batches: Sequence[Sequence[Event]]
) -> None:
    await harness.reset()
    for batch in batches:
        await harness.receive(*batch)
    await harness.sweep()

    assert len(harness.data_of("participant_admitted")) == 1
    assert harness.data_of("account_linked")[-1]["partner"] == "bni"
    assert [data["redeem_code"] for data in harness.data_of("enrollment_confirmed")] == CODES
    assert harness.reasons() == []
    harness.now += 365 * DAY
    await harness.sweep()
    assert [data["amount"]["value"] for data in harness.data_of("balance_forfeited")] == [600_000]
    assert harness.reasons() == ["cut_off"]
    assert (await harness.parked(), await harness.rows("waiting")) == ([], 0)
    assert await harness.breaches() == []


@REAL
@given(batches=shuffled_batches(CHANGES_OF_MIND))
async def test_any_order_of_voids_blocks_and_revocations_gives_the_same_result(
    harness: EnrollmentHarness, batches: Sequence[Sequence[Event]]
) -> None:
    await harness.reset()
    for batch in batches:
        await harness.receive(*batch)
    await harness.sweep()

    rows = await harness.connection.fetch("select redeem_code, state from enrollment")
    assert {row["redeem_code"]: row["state"] for row in rows} == {
        VOIDED.data["redeem_code"]: "voided",
        REVOKED.data["redeem_code"]: "confirmed",
        LAST.data["redeem_code"]: "confirmed",
    }
    assert len(harness.data_of("enrollment_confirmed")) == 3
    assert [data["redeem_code"] for data in harness.data_of("enrollment_voided")] == [VOIDED.data["redeem_code"]]
    blocks = [event for event in CHANGES_OF_MIND if event.type.name.endswith("_blocked.v1")]
    assert {data["blocked_at"] for data in harness.data_of("participant_blocked")} == {
        event.data["blocked_at"] for event in blocks
    }
    assert len(harness.data_of("participant_blocked")) == len(blocks)
    assert len(harness.data_of("participant_unblocked")) == 1
    assert await harness.rows("block") == 3
    assert (await harness.parked(), await harness.rows("waiting")) == ([], 0)
    assert await harness.breaches() == []


@REAL
@given(
    quota=st.integers(1, 4),
    people=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["48", "49"])), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
async def test_no_mix_of_participants_niks_and_waves_exceeds_quota_or_nik(
    harness: EnrollmentHarness, quota: int, people: Sequence[tuple[int, str]], cut: int
) -> None:
    await harness.reset()
    niks = [a_nik() for _ in range(4)]
    admissions = [an_admission(nik=niks[number], wave=wave) for number, wave in people]
    await harness.receive(a_wave(quota=quota), a_wave("49", quota=quota))
    await harness.receive(*admissions[:cut])
    await harness.receive(*admissions[cut:], *admissions)

    admitted = [data["wave"] for data in harness.data_of("participant_admitted")]
    assert all(admitted.count(wave) <= quota for wave in ("48", "49"))
    assert len(admitted) == await harness.rows("claim") <= len({number for number, _ in people})
    assert len(harness.announced) == len(admissions)
    assert await harness.breaches() == []
