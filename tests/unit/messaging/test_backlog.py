"""Up to which moment deadlines may act."""

from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition

from shared.messaging.backlog import NEVER, Backlog

NOON = datetime(2023, 2, 17, 12, tzinfo=UTC)
REQUESTS = TopicPartition("requests", 0)
TOTALS = TopicPartition("totals", 0)


def test_nothing_is_read_through_before_the_ends_were_looked_up() -> None:
    backlog = Backlog()
    backlog.note_positions({REQUESTS: 100})
    assert backlog.asks
    assert backlog.read_through == NEVER


def test_a_moment_is_read_through_once_every_input_has_come_to_its_end_of_then() -> None:
    backlog = Backlog()
    backlog.note_ends({REQUESTS: 10, TOTALS: 4}, NOON)
    backlog.note_positions({REQUESTS: 10, TOTALS: 3})
    assert backlog.read_through == NEVER

    backlog.note_positions({REQUESTS: 17, TOTALS: 4})
    assert backlog.read_through == NOON
    assert backlog.asks


def test_a_clock_set_back_takes_what_was_read_through_back_with_it() -> None:
    backlog = Backlog()
    for now in (NOON, NOON - timedelta(days=1000)):
        backlog.note_ends({REQUESTS: 10}, now)
        backlog.note_positions({REQUESTS: 10})
        assert backlog.read_through == now


def test_a_new_session_forgets_what_was_read_through() -> None:
    backlog = Backlog()
    backlog.note_ends({REQUESTS: 0}, NOON)
    backlog.note_positions({REQUESTS: 0})
    backlog.forget()
    assert backlog.read_through == NEVER
