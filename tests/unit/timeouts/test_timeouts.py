"""Bounds of waits and tests: each ends, even if a cancellation is swallowed, and reports where it was."""

import asyncio
import traceback

import pytest

from tests import timeouts
from tests.timeouts import bounded, until, within


async def closed_at_any_time(_: object = None) -> None:
    """Swallow a cancellation, as Kafka's client does while it closes."""
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        return


async def test_wait_ends_although_a_cancellation_is_swallowed() -> None:
    asked = 0

    async def never() -> bool:
        nonlocal asked
        asked += 1
        assert asked < 100
        await closed_at_any_time()
        return False

    with pytest.raises(AssertionError, match=r"did not come true in .* s: rain"):
        await until(never, "rain", 0.05)


async def test_timeout_of_the_condition_itself_is_raised_unchanged() -> None:
    async def asks() -> bool:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(30)
        return True

    with pytest.raises(TimeoutError):
        await until(asks, "an answer", 30)


def test_finished_work_returns_its_result_or_raises_its_error() -> None:
    """Run outside a loop, since every asynchronous test is itself bounded by what this test checks."""

    async def work() -> int:
        return 7

    async def fails() -> None:
        raise LookupError("rain")

    assert asyncio.run(within(30, "seven", work())) == 7
    with pytest.raises(LookupError, match="rain"):
        asyncio.run(within(30, "rain", fails()))


async def test_hanging_work_is_cancelled_and_its_place_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "CANCEL_GRACE_SECONDS", 0.05)
    cleaned_up = []

    async def where_it_hangs() -> None:
        await closed_at_any_time()
        await asyncio.Event().wait()

    async def work() -> None:
        try:
            await where_it_hangs()
        finally:
            cleaned_up.append("the bug")

    with pytest.raises(AssertionError, match=r"not done in .* s: rain") as failure:
        await within(0.05, "rain", work())
    assert cleaned_up == ["the bug"]
    assert "where_it_hangs" in "".join(traceback.format_exception(failure.value))


async def test_hanging_test_ends_by_itself(request: pytest.FixtureRequest) -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="the test ends"):
        await bounded(hangs, 0.05)()
    # This test itself is bounded too, as every other is.
    assert request.function.__wrapped__.__code__ is bounded(hangs, 1.0).__code__
