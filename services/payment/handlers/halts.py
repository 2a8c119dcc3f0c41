"""Halts and resumes by an operator."""

from asyncpg import Connection

from services.payment.domain.eligibility import ALL_PARTNERS
from services.payment.payout.halts import set_halt
from services.payment.store.halts import delete_halt
from shared.contracts.topics import PARTNERS
from shared.errors import NotFound
from shared.messaging.engine.operator import Operator, Outcome


async def halt(connection: Connection, operator: Operator, partner: str | None) -> Outcome:
    """Halt one partner, or all, from the next batch after the commit on.

    Raise NotFound for a partner that does not exist.
    """
    scope = _scope(partner)
    if not await set_halt(connection, operator, scope):
        return Outcome(changed=False, sentence=f"{scope} is halted already")
    return Outcome(
        changed=True, sentence=f"{scope}: no more disbursements are instructed; those that fall due are held"
    )


async def resume(connection: Connection, operator: Operator, partner: str | None) -> Outcome:
    """End a halt; the disbursements it held are paid by the next sweeps of their lanes.

    Raise NotFound when there is no such halt, or no such partner.
    """
    scope = _scope(partner)
    if not await delete_halt(connection, scope):
        raise NotFound(f"{scope} is not halted; `halts` shows what is")
    await operator.record(connection, "resume", scope=scope)
    return Outcome(
        changed=True, sentence=f"{scope}: disbursements held for the halt are paid by the next sweep, the oldest first"
    )


def _scope(partner: str | None) -> str:
    if partner is not None and partner not in PARTNERS:
        raise NotFound(f"there is no partner {partner}; partners are {', '.join(PARTNERS)}")
    return partner or ALL_PARTNERS
