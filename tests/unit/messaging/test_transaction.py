"""Events that a transaction takes."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.contracts.completion import COMPLETION_CONFIRMED
from shared.contracts.envelope import MAX_RECORD_BYTES
from shared.messaging.transaction.transaction import EventTooLarge, Transaction

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def a_transaction() -> Transaction:
    """One that reaches no database."""
    terms = cast("Any", SimpleNamespace(batch_records=1))
    return Transaction(cast("Any", None), terms, now=NOW, watermark=NOW, lanes={})


def test_event_larger_than_readers_accept_is_refused() -> None:
    tx = a_transaction()
    tx.emit_json(COMPLETION_CONFIRMED, b"x" * MAX_RECORD_BYTES, lane=3, key="481")
    with pytest.raises(EventTooLarge, match="has 262145 bytes"):
        tx.emit_json(COMPLETION_CONFIRMED, b"x" * (MAX_RECORD_BYTES + 1), lane=3, key="481")
    assert [len(emitted.data) for emitted in tx.emitted[("completion.events", 3)]] == [MAX_RECORD_BYTES]
