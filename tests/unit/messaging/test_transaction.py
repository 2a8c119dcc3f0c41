"""What a transaction lets handlers say."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.contracts.envelope import LARGEST_BYTES
from shared.messaging.page import Said
from shared.messaging.transaction import EventTooLarge, Transaction

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def a_transaction() -> Transaction:
    """One that reaches no database."""
    terms = cast("Any", SimpleNamespace(batch_records=1))
    return Transaction(cast("Any", None), terms, now=NOW, read_through=NOW, lanes={})


def test_an_event_larger_than_its_readers_accept_is_never_said() -> None:
    tx = a_transaction()
    tx.say("completion.events", 3, Said("salur.completion.completion_confirmed.v1", "481", b"x" * LARGEST_BYTES))
    with pytest.raises(EventTooLarge, match="has 262145 bytes"):
        tx.say("completion.events", 3, Said("salur.completion.completion_confirmed.v1", "481", b"x" * 262_145))
    assert [len(said.data) for said in tx.announced[("completion.events", 3)]] == [LARGEST_BYTES]
