"""Places of a wave that several processes give away at the same time, some of which die in between."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date

from asyncpg import InterfaceError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.topics import lane_of
from shared.messaging import failpoint
from shared.messaging.outbox.store import page_of
from tests.builders import Event, a_nik, a_participant_id, a_wave, an_admission
from tests.infrastructure import Database
from tests.integration.enrollment.harness import EnrollmentHarness, create_harness

TOO_YOUNG = date(2010, 5, 15)
ACTING: ContextVar[EnrollmentHarness] = ContextVar("acting")

REAL = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Rush:
    """Applications to one wave: by process, in batches. `niks`: of all who may be admitted.

    `deaths`: the moments, counted over all processes, at which the acting one dies.
    """

    quota: int
    niks: frozenset[str]
    batches: Sequence[Sequence[Sequence[Event]]]
    deaths: frozenset[int]


@st.composite
def rushes(draw: st.DrawFn) -> Rush:
    """Draw up to 40 people, some of whom share a NIK or are too young, for up to four processes; and repetitions."""
    processes, size = draw(st.integers(2, 4)), draw(st.integers(1, 6))
    niks = [a_nik() for _ in range(draw(st.integers(4, 30)))]
    applications = [
        an_admission(a_participant_id(), nik=nik) for nik in [*niks, *draw(st.lists(st.sampled_from(niks)))]
    ]
    applications += [an_admission(birth_date=TOO_YOUNG) for _ in range(draw(st.integers(0, 3)))]
    repeats = draw(st.lists(st.sampled_from(applications), max_size=8))
    of_process: defaultdict[int, list[Event]] = defaultdict(list)
    for event in draw(st.permutations([*applications, *repeats])):
        of_process[lane_of(event.key) % processes].append(event)
    batches = [[own[n : n + size] for n in range(0, len(own), size)] for own in of_process.values()]
    return Rush(draw(st.integers(1, 12)), frozenset(niks), batches, draw(st.frozensets(st.integers(1, 30), max_size=6)))


@REAL
@given(rush=rushes())
async def test_a_wave_admits_exactly_its_quota_whoever_dies_meanwhile(database: Database, rush: Rush) -> None:
    harness = await create_harness(database)
    await harness.reset()
    await harness.receive(a_wave(quota=rush.quota))
    with _dying(rush.deaths):
        await asyncio.gather(*(_process(database, batches) for batches in rush.batches))

    applied = {event.key for batches in rush.batches for batch in batches for event in batch}
    rows = await harness.connection.fetch("select participant_id, identity_index, reason from admission")
    admitted = {row["participant_id"] for row in rows if row["reason"] is None}
    assert {row["participant_id"] for row in rows} == applied
    assert len(admitted) == len({row["identity_index"] for row in rows} - {None}) == min(rush.quota, len(rush.niks))
    full = Counter(row["reason"] for row in rows)["wave_full"]
    assert full == 0 or len(admitted) == rush.quota
    await _assert_on_record(harness, {row["participant_id"]: row["reason"] for row in rows})
    assert await harness.breaches() == []
    await harness.connection.close()


async def _process(database: Database, batches: Sequence[Sequence[Event]]) -> None:
    """Decide batches as one process after the other: where one dies, the next reads the batch again."""
    left = list(batches)
    while left:
        harness = await create_harness(database)
        ACTING.set(harness)
        try:
            while left:
                await harness.receive(*left[0])
                del left[0]
        except (ConnectionResetError, InterfaceError):
            continue
        finally:
            await harness.connection.close()


@contextmanager
def _dying(deaths: frozenset[int]) -> Iterator[None]:
    """End the acting process shortly before its commit, or after that, each time that its turn has come."""
    moments = 0

    def on_failpoint(point: str) -> None:
        nonlocal moments
        moments += point in ("before_commit", "after_commit")
        if moments in deaths:
            ACTING.get().session.connection.terminate()
            raise ConnectionResetError

    failpoint.listen(on_failpoint)
    try:
        yield
    finally:
        failpoint.forget(on_failpoint)


async def _assert_on_record(harness: EnrollmentHarness, reasons: dict[str, str | None]) -> None:
    """Assert that each decision is announced once, and that in no lane anybody is admitted after the wave was full."""
    pages = await harness.connection.fetch(
        "select * from page where topic = 'enrollment.events' order by first_sequence"
    )
    of_lane: defaultdict[int, list[str]] = defaultdict(list)
    for page in map(page_of, pages):
        of_lane[page.lane] += [json.loads(event.data)["participant_id"] for event in page.events]
    announced = [person for people in of_lane.values() for person in people]
    assert sorted(announced) == sorted(reasons)
    for people in of_lane.values():
        outcomes = [reasons[person] for person in people if reasons[person] in (None, "wave_full")]
        assert outcomes == sorted(outcomes, key=lambda reason: reason is not None)
