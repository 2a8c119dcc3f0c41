"""Backfill: freezes disbursements whose contradictions were only parked, by versions that did not freeze."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Connection

from services.payment.store.contradictions import count_frozen, load_parked_reports
from shared.contracts.park_reasons import ParkReason
from shared.contracts.partner import DisbursementReported
from shared.messaging.engine.operations import in_lane
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.message import Message, unpack
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

ReportProcess = Callable[[Transaction, Sequence[Message[DisbursementReported]]], Awaitable[None]]
CONTRADICTIONS = (ParkReason.CONTRADICTS_FINAL, ParkReason.AMOUNT_MISMATCH)


async def is_contradiction_parked(connection: Connection) -> bool:
    """Return True if any contradiction is parked."""
    return bool(await load_parked_reports(connection, CONTRADICTIONS))


async def freeze_contradicted(
    process: ReportProcess, terms: TransactionTerms, decoder: Decoder, now: datetime, connection: Connection
) -> list[str]:
    """Process parked contradictions again, leave them parked, and tell how many disbursements were frozen.

    `process` is that of new reports. It may be repeated: a contradiction that is saved already changes nothing.
    """
    before = await count_frozen(connection)
    by_lane: dict[int, list[Message[Any]]] = defaultdict(list)
    for sealed, secret in await load_parked_reports(connection, CONTRADICTIONS):
        message = decoder.decode_deferred(unpack(terms.vault.open_bytes(sealed, secret=secret)), now).message
        if message is not None and message.lane is not None:
            by_lane[message.lane].append(message)
    operator = Operator("payment", "parked before contradictions were kept", now, terms.chain)
    for lane, messages in sorted(by_lane.items()):

        async def reclassify(tx: Transaction, messages: list[Message[Any]] = messages) -> Outcome:
            await process(tx, messages)
            return Outcome(changed=True, sentence="")

        async with connection.transaction():
            await in_lane(connection, operator, terms, lane, reclassify)
    frozen = await count_frozen(connection) - before
    return [f"frozen, since their partners had contradicted themselves: {frozen} disbursements"] if frozen else []
