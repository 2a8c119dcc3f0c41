"""What partners say against what is known: kept, and the right is frozen before anything else is tried."""

from collections.abc import Mapping, Sequence

from services.payment.domain.attempt import Contradiction
from services.payment.domain.disbursement import FINAL, Disbursement, State, freeze
from services.payment.handlers.announcing import Traces, announce
from services.payment.handlers.changing import save_frozen
from services.payment.store.approvals import void_approvals
from services.payment.store.contradictions import insert_contradictions
from shared.messaging.transaction import Transaction

Right = tuple[str, str]


async def note_contradictions(
    tx: Transaction, contradictions: Sequence[Contradiction], known: Mapping[Right, Disbursement], traces: Traces
) -> list[Disbursement]:
    """Freeze what these speak of, as `known` now, and return it; what was approved of it is void.

    A contradiction that was said before changes nothing, nor does one about a right that is final.
    """
    if not contradictions:
        return []
    new = await insert_contradictions(tx.connection, contradictions, tx.now)
    doubted = [known[right] for right in sorted(new) if known[right].state not in FINAL]
    changes = [(before, freeze(before)) for before in doubted]
    if changes:
        await save_frozen(tx, changes)
        await void_approvals(tx.connection, doubted)
    for before, after in changes:
        if after.state is State.HELD and after.reason is not before.reason:
            announce(tx, after, traces)
    return [after for _, after in changes]
