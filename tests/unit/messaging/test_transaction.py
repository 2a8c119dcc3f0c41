"""What a transaction lets handlers say."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.contracts.envelope import MAX_RECORD_BYTES
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.transaction import EventTooLarge, Transaction

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def a_transaction() -> Transaction:
    """One that reaches no database."""
    terms = cast("Any", SimpleNamespace(batch_records=1))
    return Transaction(cast("Any", None), terms, now=NOW, watermark=NOW, lanes={})


def test_an_event_larger_than_its_readers_accept_is_never_said() -> None:
    tx = a_transaction()
    tx.emit_raw(
        "completion.events", 3, OutboxEvent("salur.completion.completion_confirmed.v1", "481", b"x" * MAX_RECORD_BYTES)
    )
    with pytest.raises(EventTooLarge, match="has 262145 bytes"):
        tx.emit_raw(
            "completion.events", 3, OutboxEvent("salur.completion.completion_confirmed.v1", "481", b"x" * 262_145)
        )
    assert [len(said.data) for said in tx.emitted[("completion.events", 3)]] == [MAX_RECORD_BYTES]
