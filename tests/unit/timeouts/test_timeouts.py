"""No wait of the tests lasts for ever, whatever swallows what ends it, and each says what it waited for."""

import asyncio
import traceback

import pytest

from tests import timeouts
from tests.timeouts import bounded, until, within


async def closed_at_any_time(_: object = None) -> None:
    """Close as Kafka's client does: a cancellation is taken for that of its own task."""
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        return


async def test_a_swallowed_cancellation_does_not_make_a_wait_endless() -> None:
    asked = 0

    async def never() -> bool:
        nonlocal asked
        asked += 1
        assert asked < 100
        await closed_at_any_time()
        return False

    with pytest.raises(AssertionError, match=r"did not come true in .* s: rain"):
        await until(never, "rain", 0.05)


async def test_what_the_condition_itself_had_no_time_for_is_said_as_it_is() -> None:
    async def asks() -> bool:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(30)
        return True

    with pytest.raises(TimeoutError):
        await until(asks, "an answer", 30)


def test_work_that_is_done_in_time_returns_what_came_of_it_or_raises_it() -> None:
    """Run outside a loop: every other test is done within bounds itself, and would pass over what these swallow."""

    async def work() -> int:
        return 7

    async def fails() -> None:
        raise LookupError("rain")

    assert asyncio.run(within(30, "seven", work())) == 7
    with pytest.raises(LookupError, match="rain"):
        asyncio.run(within(30, "rain", fails()))


async def test_work_that_hangs_is_told_to_end_and_shown_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "CANCEL_GRACE_SECONDS", 0.05)
    put_right = []

    async def where_it_hangs() -> None:
        await closed_at_any_time()
        await asyncio.Event().wait()

    async def work() -> None:
        try:
            await where_it_hangs()
        finally:
            put_right.append("the bug")

    with pytest.raises(AssertionError, match=r"not done in .* s: rain") as failure:
        await within(0.05, "rain", work())
    assert put_right == ["the bug"]
    assert "where_it_hangs" in "".join(traceback.format_exception(failure.value))


async def test_a_test_that_hangs_ends_by_itself(request: pytest.FixtureRequest) -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="the test ends"):
        await bounded(hangs, 0.05)()
    # And this very test is bounded, as every other is.
    assert request.function.__wrapped__.__code__ is bounded(hangs, 1.0).__code__
