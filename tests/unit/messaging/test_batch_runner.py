"""Infrastructure that fails again and again at a batch is given less of it, and nobody is parked for that."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from shared.messaging.engine import batch_runner as readers
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.status import OutageMonitor
from shared.messaging.message import Record
from shared.messaging.transaction.batch import Batch
from shared.messaging.transaction.decoder import DecodedRecord

PLACE = TopicPartition("requests", 3)


class Trouble(OSError):
    """What the database says when a batch is too much for it."""


class TriedRunner(BatchRunner):
    """Commits what is small enough. `tried`: how many records were in each transaction."""

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

    async def _commit(self, session: Any, batch: Batch, *, hand_over: bool = False) -> None:  # noqa: ARG002
        self.tried.append(len(batch.items))
        if len(batch.items) > self.largest:
            raise Trouble
        self.began.append(batch.began[PLACE])
        self.committed += [item.record.offset for item in batch.items]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(readers, "asyncio", SimpleNamespace(sleep=lambda _: sleep(0)))


def a_batch(records: int) -> Batch:
    items = [DecodedRecord(Record(PLACE.topic, PLACE.partition, offset, 0, None, b"", ())) for offset in range(records)]
    return Batch(items, {PLACE: 0})


def test_a_batch_that_is_too_much_is_taken_in_halves_each_of_which_begins_where_the_last_one_ended() -> None:
    reader = TriedRunner(largest=300)
    assert asyncio.run(reader.run(a_batch(1000)))
    assert reader.committed == list(range(1000))
    assert reader.tried[:4] == [1000, 1000, 500, 250]
    assert reader.began[0] == 0
    assert reader.began == sorted(set(reader.began))


def test_trouble_that_does_not_repeat_halves_nothing() -> None:
    reader = TriedRunner(largest=0)

    async def story() -> None:
        task = asyncio.ensure_future(reader.run(a_batch(1000)))
        while not reader.tried:
            await asyncio.sleep(0)
        reader.largest = 1000
        await task

    asyncio.run(story())
    assert reader.tried == [1000, 1000]


def test_after_success_batches_grow_again() -> None:
    reader = TriedRunner(largest=100)
    asyncio.run(reader.run(a_batch(1000)))
    reader.largest, reader.tried = 1000, []
    asyncio.run(reader.run(a_batch(5000)))
    assert reader.tried[-1] <= 1000
    assert 1000 in reader.tried


def test_a_record_that_fails_alone_is_tried_for_as_long_as_it_takes_and_named() -> None:
    reader = TriedRunner(largest=0)

    async def story() -> None:
        task = asyncio.ensure_future(reader.run(a_batch(4)))
        while reader.tried.count(1) < 20:
            await asyncio.sleep(0)
        assert reader.outage.current is not None
        assert "requests/3/0" in reader.outage.current
        reader.largest = 1
        await task

    asyncio.run(story())
    assert reader.committed == [0, 1, 2, 3]
