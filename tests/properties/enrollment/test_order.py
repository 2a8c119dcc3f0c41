"""Upstream repeats, reorders and delays as it likes: a participant's story ends the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.times import write_time
from tests.builders import (
    ADMITTED_AT,
    Event,
    a_nik,
    a_participant_id,
    a_purchase,
    a_wave,
    an_account,
    an_admission,
)
from tests.infrastructure import Database
from tests.integration.enrollment.bench import Bench, a_bench, completed, rated

DAY = timedelta(days=1)
PERSON, NIK = a_participant_id(), a_nik()
FIRST = a_purchase(PERSON)
# So late after admission that it can only be the second one.
SECOND = a_purchase(PERSON, purchased_at=ADMITTED_AT + 17 * DAY, price={"value": 2_000_000, "currency": "IDR"})
CODES = [FIRST.data["redeem_code"], SECOND.data["redeem_code"]]
STORY = [
    a_wave(),
    an_admission(PERSON, nik=NIK),
    an_account(PERSON, nik=NIK, partner="ovo"),
    an_account(PERSON, nik=NIK, partner="bni", linked_at=write_time(ADMITTED_AT + DAY)),
    FIRST,
    completed(PERSON, CODES[0], ADMITTED_AT + 4 * DAY),
    rated(PERSON, CODES[0], ADMITTED_AT + 5 * DAY),
    SECOND,
]
REAL = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def shuffled_batches(draw: st.DrawFn) -> list[list[Event]]:
    """The whole story, each event told one to three times, in any order, in any batches."""
    told = [event for event in STORY for _ in range(draw(st.integers(1, 3)))]
    order = draw(st.permutations(told))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=8)))
    return [list(order[start:end]) for start, end in pairwise([0, *cuts, len(order)])]


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    bench = await a_bench(database)
    yield bench
    await bench.connection.close()


@REAL
@given(batches=shuffled_batches())
async def test_any_order_and_any_repetition_come_to_the_same(bench: Bench, batches: Sequence[Sequence[Event]]) -> None:
    await bench.empty()
    for batch in batches:
        await bench.receive(*batch)
    await bench.sweep()

    assert len(bench.of("participant_admitted")) == 1
    assert bench.of("account_linked")[-1]["partner"] == "bni"
    assert [said["redeem_code"] for said in bench.of("enrollment_confirmed")] == CODES
    assert bench.reasons() == []
    assert (await bench.parked(), await bench.rows("waiting")) == ([], 0)
    assert await bench.breaches() == []


@REAL
@given(
    quota=st.integers(1, 4),
    people=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["48", "49"])), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
async def test_no_mix_of_people_niks_and_waves_admits_more_than_may_be(
    bench: Bench, quota: int, people: Sequence[tuple[int, str]], cut: int
) -> None:
    await bench.empty()
    niks = [a_nik() for _ in range(4)]
    admissions = [an_admission(nik=niks[number], wave=wave) for number, wave in people]
    await bench.receive(a_wave(quota=quota), a_wave("49", quota=quota))
    await bench.receive(*admissions[:cut])
    await bench.receive(*admissions[cut:], *admissions)

    admitted = [said["wave"] for said in bench.of("participant_admitted")]
    assert all(admitted.count(wave) <= quota for wave in ("48", "49"))
    assert len(admitted) == await bench.rows("claim") <= len({number for number, _ in people})
    assert len(bench.said) == len(admissions)
    assert await bench.breaches() == []
