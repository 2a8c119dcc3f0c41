"""Halts and resumes by an operator. A scope is `all`, a partner, or `wave:<wave>`."""

from asyncpg import Connection

from services.payment.domain.eligibility import ALL_PARTNERS, WAVE_SCOPE
from services.payment.payout.halts import set_halt
from services.payment.store.halts import delete_halt, is_wave_known
from shared.contracts.topics import PARTNERS
from shared.errors import NotFound
from shared.messaging.engine.operator import Operator, Outcome


async def halt(connection: Connection, operator: Operator, scope: str) -> Outcome:
    """Halt a scope from the next batch after the commit on.

    Raise NotFound for a scope that does not exist: a misspelt one would stop nothing.
    """
    await _require_scope(connection, scope)
    if not await set_halt(connection, operator, scope):
        return Outcome(changed=False, sentence=f"{scope} is halted already")
    return Outcome(
        changed=True, sentence=f"{scope}: no more disbursements are instructed; those that fall due are held"
    )


async def resume(connection: Connection, operator: Operator, scope: str) -> Outcome:
    """End a halt; the disbursements it held are paid by the next sweeps of their lanes.

    Raise NotFound when there is no such halt, or no such scope.
    """
    await _require_scope(connection, scope)
    if not await delete_halt(connection, scope):
        raise NotFound(f"{scope} is not halted; `halts` shows what is")
    await operator.record(connection, "resume", scope=scope)
    return Outcome(
        changed=True, sentence=f"{scope}: disbursements held for the halt are paid by the next sweep, the oldest first"
    )


async def _require_scope(connection: Connection, scope: str) -> None:
    if scope == ALL_PARTNERS or scope in PARTNERS:
        return
    if not scope.startswith(WAVE_SCOPE):
        raise NotFound(f"there is no partner {scope}; partners are {', '.join(PARTNERS)}")
    wave = scope.removeprefix(WAVE_SCOPE)
    if not await is_wave_known(connection, wave):
        raise NotFound(f"there is no wave {wave} with money or with payments that wait for it; `funds` shows the waves")
