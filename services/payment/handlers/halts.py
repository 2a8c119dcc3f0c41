"""The operator's switch, which payment also throws itself: intake goes on, what is due is held."""

import structlog
from asyncpg import Connection

from services.payment.domain.eligibility import ALL_PARTNERS
from services.payment.store.halts import delete_halt, insert_halt
from shared.contracts.topics import PARTNERS
from shared.messaging.engine.operations import OperationRefused, Operator, Outcome
from shared.messaging.transaction.transaction import Transaction

LOG = structlog.get_logger()
ITSELF = "payment"


async def halt(connection: Connection, operator: Operator, partner: str | None) -> Outcome:
    """Halts one partner, or all. Works with every batch that begins after the commit; raises Refused."""
    scope = _scope(partner)
    if not await insert_halt(connection, scope, operator.now, operator.who, operator.why):
        return Outcome(changed=False, sentence=f"{scope} is halted already")
    await operator.record(connection, "halt", scope=scope)
    return Outcome(changed=True, sentence=f"{scope}: nothing is instructed any more; what falls due is held")


async def resume(connection: Connection, operator: Operator, partner: str | None) -> Outcome:
    """Ends a halt; what it held goes with the lanes' next sweeps. Raises Refused."""
    scope = _scope(partner)
    if not await delete_halt(connection, scope):
        raise OperationRefused(f"{scope} is not halted")
    await operator.record(connection, "resume", scope=scope)
    return Outcome(changed=True, sentence=f"{scope}: what was held goes out with the next sweep, the oldest first")


async def halt_partner(tx: Transaction, partner: str, why: str) -> None:
    """Payment throws the switch itself."""
    outcome = await halt(tx.connection, Operator(ITSELF, why, tx.now, tx.chain), partner)
    if outcome.changed:
        LOG.error("halt", scope=partner, reason=why)


def _scope(partner: str | None) -> str:
    if partner is not None and partner not in PARTNERS:
        raise OperationRefused(f"there is no partner {partner}; partners are {', '.join(PARTNERS)}")
    return partner or ALL_PARTNERS
