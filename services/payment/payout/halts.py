"""Halts: a halted partner is instructed nothing; its reports are still processed, and due disbursements are held."""

import structlog
from asyncpg import Connection

from services.payment.store.halts import insert_halt
from shared.messaging.engine.operator import Operator
from shared.messaging.transaction.transaction import Transaction

LOG = structlog.get_logger()
PAYMENT_ITSELF = "payment"
"""The operator of halts that payment sets by itself."""


async def set_halt(connection: Connection, operator: Operator, scope: str) -> bool:
    """Halt a scope from the next batch after the commit on; return False if it was halted already."""
    inserted = await insert_halt(connection, scope, operator.now, operator.who, operator.why)
    if inserted:
        await operator.record(connection, "halt", scope=scope)
    return inserted


async def halt_partner(tx: Transaction, partner: str, why: str) -> None:
    """Halt a partner on behalf of payment itself, unless it is halted already."""
    if await set_halt(tx.connection, Operator(PAYMENT_ITSELF, why, tx.now, tx.chain), partner):
        LOG.error("halt", scope=partner, reason=why)
