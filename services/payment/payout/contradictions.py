"""Contradictions: reports against what is known of a reference. They are kept, and freeze the disbursement."""

from collections.abc import Collection, Mapping, Sequence

from services.payment.domain.attempt import Contradiction
from services.payment.domain.disbursement import FINAL, Disbursement, DisbursementKey, State, freeze
from services.payment.payout.disbursements import save_frozen
from services.payment.payout.events import Traces, emit_state
from services.payment.store.approvals import void_approvals
from services.payment.store.contradictions import insert_contradictions, load_unresolved
from services.payment.store.disbursements import EventNumbers
from shared.messaging.transaction.transaction import Transaction


async def record_contradictions(
    tx: Transaction,
    contradictions: Sequence[Contradiction],
    known: Mapping[DisbursementKey, Disbursement],
    traces: Traces,
) -> list[Disbursement]:
    """Store contradictions, freeze their disbursements, void approvals of these, and return the frozen ones.

    `known` has each disbursement as it stands by now. A contradiction that was saved before changes nothing. One about
    a final disbursement is saved and freezes nothing.
    """
    if not contradictions:
        return []
    new = await insert_contradictions(tx.connection, contradictions, tx.now)
    return await _freeze(tx, [known[key] for key in sorted(new) if known[key].state not in FINAL], traces)


async def freeze_returned(tx: Transaction, returned: Collection[Disbursement], traces: Traces) -> list[Disbursement]:
    """Freeze those of these returned disbursements that were contradicted while or before they were paid.

    Return the frozen ones. A contradiction counts until an attempt after it is approved.
    """
    held = {d.key: d for d in returned if d.state is State.HELD and not d.frozen}
    doubted = await load_unresolved(tx.connection, held) if held else set()
    return await _freeze(tx, [held[key] for key in sorted(doubted)], traces)


async def _freeze(tx: Transaction, doubted: Sequence[Disbursement], traces: Traces) -> list[Disbursement]:
    changes = [(before, freeze(before)) for before in doubted]
    if changes:
        numbers = {
            after.key: EventNumbers(state=emit_state(tx, after, traces))
            for before, after in changes
            if after.state is State.HELD and after.reason is not before.reason
        }
        await save_frozen(tx, changes, numbers)
        await void_approvals(tx.connection, doubted)
    return [after for _, after in changes]
