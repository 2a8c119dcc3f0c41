"""What is not completed in time is rejected, for good, and not a moment too early."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.completion import timers
from services.completion.handlers import evidence
from tests.integration.completion.bench import Bench, all_evidence, attended, confirmed, examined, rated, rejected
from tests.unit.completion.facts import CODE, DAY, PARTICIPANT

# The 30th calendar day in Jakarta after the last session, 2 March, ends at 17:00 UTC on 1 April.
DUE = datetime(2023, 4, 1, 17, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


async def test_a_training_not_completed_in_time_is_rejected_and_what_is_missing_is_named(bench: Bench) -> None:
    await bench.receive(confirmed(), attended(2), examined())
    bench.now = DUE

    assert await bench.sweep() == 1
    rejection = {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "reason": "not_completed_in_time",
        "missing": ["session_attended/1", "work_graded"],
    }
    assert bench.said == [("completion_rejected", rejection)]
    assert (await bench.state(), await bench.breaches()) == ("not_completed", [])


async def test_nothing_is_rejected_before_the_last_day_is_over(bench: Bench) -> None:
    await bench.receive(confirmed())
    bench.now = DUE - MICROSECOND
    assert (await bench.sweep(), bench.said) == (0, [])


async def test_nothing_is_rejected_while_evidence_may_still_lie_unread(bench: Bench) -> None:
    await bench.receive(confirmed())
    bench.now = DUE + 5 * DAY
    assert await bench.sweep(read_through=DUE - MICROSECOND) == 0

    await bench.receive(*all_evidence())
    await bench.sweep()
    assert bench.words() == ["completion_confirmed"]


async def test_a_rejection_is_said_once(bench: Bench) -> None:
    await bench.receive(confirmed())
    bench.now = DUE
    assert [await bench.sweep(), await bench.sweep()] == [1, 0]
    assert bench.words() == ["completion_rejected"]


async def test_a_rejection_is_final(bench: Bench) -> None:
    await bench.receive(confirmed())
    bench.now = DUE
    await bench.sweep()
    await bench.receive(*all_evidence(), rated())

    assert bench.words() == ["completion_rejected"]
    assert (await bench.parked(), await bench.rows("evidence"), await bench.breaches()) == ([], 0, [])


async def test_no_deadline_touches_the_completed_or_the_rejected(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence(), rejected("PRAT00000002"))
    bench.now = DUE + 5 * DAY
    await bench.sweep()
    assert bench.words() == ["completion_confirmed"]


async def test_an_enrollment_that_comes_late_is_judged_by_the_evidence_that_waited(bench: Bench) -> None:
    await bench.receive(*all_evidence())
    bench.now = DUE + DAY
    await bench.receive(confirmed())
    await bench.sweep()
    assert bench.words() == ["completion_confirmed"]


async def test_a_deadline_of_many_is_taken_in_portions_and_forgets_nobody(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr(timers, "PORTION", 4)
    monkeypatch.setattr(timers, "JUDGED_AT_ONCE", 3)
    codes = [f"PRAT{number:08}" for number in range(10)]
    await bench.receive(*(confirmed(code) for code in codes))
    (row,) = await bench.connection.fetch("select cardinality(redeem_codes) as codes from deadline")
    assert row["codes"] == len(codes)
    bench.now = DUE
    assert [await bench.sweep() for _ in range(4)] == [4, 4, 2, 0]
    assert sorted(data["redeem_code"] for _, data in bench.said) == codes
    assert (await bench.rows("deadline"), await bench.breaches()) == (0, [])


async def test_a_batch_that_completes_more_than_is_judged_at_once_completes_all_of_it(
    bench: Bench, monkeypatch: Any
) -> None:
    monkeypatch.setattr(evidence, "PIECES_AT_ONCE", 9)
    codes = [f"PRAT{number:08}" for number in range(5)]
    await bench.receive(*(confirmed(code) for code in codes))
    await bench.receive(*(one.with_data(redeem_code=code) for code in codes for one in all_evidence()))
    assert sorted(data["redeem_code"] for _, data in bench.said) == codes
