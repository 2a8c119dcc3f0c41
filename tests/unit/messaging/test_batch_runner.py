"""A batch at which infrastructure fails repeatedly is committed in portions, and no record is parked for it."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from shared.messaging.engine import batch_runner
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.status import OutageMonitor
from shared.messaging.message import Record
from shared.messaging.transaction.batch import Batch
from shared.messaging.transaction.decoder import DecodedRecord

PLACE = TopicPartition("requests", 3)


class BatchTooLarge(OSError):
    """The failure of the database at a batch that is too large for it."""


class TriedRunner(BatchRunner):
    """A runner whose commits fail above `largest` records. `tried` are the sizes of all transactions, in order."""

    def __init__(self, largest: int, *, batch_records: int = 1000) -> None:
        membership = SimpleNamespace(session=SimpleNamespace(connection=SimpleNamespace(is_closed=lambda: False)))
        assignment = SimpleNamespace(positioned=True)
        plan = SimpleNamespace(batch_records=batch_records)
        self.outage = OutageMonitor()
        super().__init__(*cast("Any", (plan, None, membership, assignment, None, self.outage)))
        self.largest = largest
        self.tried: list[int] = []
        self.committed: list[int] = []
        self.began: list[int] = []

    async def _commit(self, session: Any, batch: Batch, *, leave_released: bool = False) -> None:  # noqa: ARG002
        self.tried.append(len(batch.items))
        if len(batch.items) > self.largest:
            raise BatchTooLarge
        self.began.append(batch.began[PLACE])
        self.committed += [item.record.offset for item in batch.items]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(batch_runner, "asyncio", SimpleNamespace(sleep=lambda _: sleep(0)))


def a_batch(records: int) -> Batch:
    items = [DecodedRecord(Record(PLACE.topic, PLACE.partition, offset, 0, None, b"", ())) for offset in range(records)]
    return Batch(items, {PLACE: 0})


def test_batch_too_large_for_infrastructure_is_committed_in_portions() -> None:
    runner = TriedRunner(largest=300)
    assert asyncio.run(runner.run(a_batch(1000)))
    assert runner.committed == list(range(1000))
    assert runner.tried[:4] == [1000, 1000, 500, 250]
    assert runner.began[0] == 0
    assert runner.began == sorted(set(runner.began))


def test_single_failure_of_infrastructure_halves_nothing() -> None:
    runner = TriedRunner(largest=0)

    async def story() -> None:
        task = asyncio.ensure_future(runner.run(a_batch(1000)))
        while not runner.tried:
            await asyncio.sleep(0)
        runner.largest = 1000
        await task

    asyncio.run(story())
    assert runner.tried == [1000, 1000]


def test_portions_grow_again_after_success() -> None:
    runner = TriedRunner(largest=100)
    asyncio.run(runner.run(a_batch(1000)))
    runner.largest, runner.tried = 1000, []
    asyncio.run(runner.run(a_batch(5000)))
    assert runner.tried[-1] <= 1000
    assert 1000 in runner.tried


def test_record_that_fails_alone_is_retried_and_named_in_the_outage() -> None:
    runner = TriedRunner(largest=0)

    async def story() -> None:
        task = asyncio.ensure_future(runner.run(a_batch(4)))
        while runner.tried.count(1) < 20:
            await asyncio.sleep(0)
        assert runner.outage.current is not None
        assert "requests/3/0" in runner.outage.current
        runner.largest = 1
        await task

    asyncio.run(story())
    assert runner.committed == [0, 1, 2, 3]
