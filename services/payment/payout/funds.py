"""Commitment of money: out of the allotments of lanes, which are filled from the funds of waves."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from services.payment.domain import ledger
from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.funds import (
    Allocation,
    Allotment,
    Balance,
    Fund,
    Queues,
    allocate,
    allocate_in_turn,
    allotment_of,
    amounts_by_allotment,
    oldest_first,
)
from services.payment.domain.ledger import FUNDS_LEDGER, Posting, allot, return_to_fund
from services.payment.payout.queue import in_turn
from services.payment.store.funds import (
    AllotmentChange,
    allot_funds,
    load_allotments,
    lock_funds,
    lock_idle_allotments,
    open_allotments,
    open_funds,
    overdraw_funds,
    recount_promised,
    return_unspent,
    update_allotments,
)
from shared.messaging.transaction.transaction import Transaction

EMPTY = Balance(0, short=False)


async def commit_funds(
    tx: Transaction, disbursements: Sequence[Disbursement], block: int, leaving: Collection[Fund] = ()
) -> tuple[set[DisbursementKey], list[Posting]]:
    """Commit money to as many disbursements as it suffices for; return their keys, and postings of what was allotted.

    The others are to be held. While no disbursement waits for money of a fund, an allotment of it that suffices is used
    without a lock. Otherwise the fund is locked, together with those whose queues are being left (`leaving`).
    """
    queues: dict[Allotment, list[Disbursement]] = defaultdict(list)
    for disbursement in disbursements:
        queues[allotment_of(disbursement)].append(disbursement)
    balances = await load_allotments(tx.connection, queues) if queues else {}
    needed = {allotment: sum([d.amount for d in queue]) for allotment, queue in queues.items()}
    insufficient = {p.fund for p, balance in balances.items() if balance.short or balance.free < needed[p]}
    locked = insufficient.union(leaving)
    fund_balances = await lock_funds(tx.connection, locked) if locked else {}
    funded = {d.key for allotment, queue in queues.items() if allotment.fund not in insufficient for d in queue}
    changes = {
        allotment: AllotmentChange(0, amount)
        for allotment, amount in needed.items()
        if allotment.fund not in insufficient
    }
    for fund in insufficient:
        of_fund = {allotment: queue for allotment, queue in queues.items() if allotment.fund == fund}
        free = {allotment: balances[allotment].free for allotment in of_fund}
        found = await _allocate(tx, fund, fund_balances.get(fund, EMPTY), of_fund, free, block)
        funded.update([d.key for d in found.funded])
        for allotment in of_fund:
            changes[allotment] = AllotmentChange(found.allotted.get(allotment, 0), found.committed.get(allotment, 0))
    return funded, await _apply_changes(tx, changes)


async def decommit_funds(tx: Transaction, committed: Mapping[Allotment, int]) -> None:
    """Return money of rejected attempts to their allotments."""
    await update_allotments(
        tx.connection, {allotment: AllotmentChange(0, -amount) for allotment, amount in committed.items()}
    )


async def commit_adopted(tx: Transaction, adopted: Sequence[Disbursement]) -> list[Posting]:
    """Commit money to adopted attempts, whether their waves have it or not; return the postings of what was allotted.

    Money that was kept for them is freed, and taken first.
    """
    needed = amounts_by_allotment(adopted)
    funds = {allotment.fund for allotment in needed}
    await open_funds(tx.connection, funds)
    await lock_funds(tx.connection, funds)
    await recount_promised(tx.connection, funds)
    balances = await load_allotments(tx.connection, needed)
    allotted = {
        allotment: missing for allotment, amount in needed.items() if (missing := amount - balances[allotment].free) > 0
    }
    for allotment, missing in allotted.items():
        await overdraw_funds(tx.connection, allotment.fund, missing)
    await open_allotments(tx.connection, needed)
    await update_allotments(
        tx.connection, {p: AllotmentChange(allotted.get(p, 0), amount) for p, amount in needed.items()}
    )
    return [allot(*allotment, missing) for allotment, missing in allotted.items()]


async def keep_promised(tx: Transaction, funds: Collection[Fund]) -> list[Posting]:
    """Keep the money of adopted attempts; return the postings of what is withdrawn from the allotments of all lanes.

    Every lane must be locked: after that no allotment holds money that is promised to another.
    """
    await open_funds(tx.connection, funds)
    await lock_funds(tx.connection, funds)
    postings = await _withdraw_allotments(tx, funds)
    await recount_promised(tx.connection, funds)
    return postings


async def commit_confirmed(tx: Transaction, disbursement: Disbursement) -> tuple[list[Posting], int]:
    """Commit money to a payment that was made already, whether the wave has it or not.

    Return the postings of what was allotted, and the rupiah by which the wave is overdrawn.
    """
    allotment = allotment_of(disbursement)
    # While its fund is locked, no other transaction withdraws from the allotment.
    await lock_funds(tx.connection, [allotment.fund])
    free = (await load_allotments(tx.connection, [allotment]))[allotment].free
    missing, overdrawn = max(0, disbursement.amount - free), 0
    if missing:
        overdrawn = await overdraw_funds(tx.connection, allotment.fund, missing)
        await open_allotments(tx.connection, [allotment])
    await update_allotments(tx.connection, {allotment: AllotmentChange(missing, disbursement.amount)})
    return [allot(*allotment, missing)] if missing else [], overdrawn


async def empty_allotments(tx: Transaction, funds: Collection[Fund]) -> list[Posting]:
    """Return unused money of all lanes to those funds that are short, and return the postings."""
    balances = await lock_funds(tx.connection, funds)
    return await _withdraw_allotments(tx, [fund for fund, balance in balances.items() if balance.short])


async def return_to_treasury(tx: Transaction, funds: Collection[Fund]) -> list[Posting]:
    """Return unused money of funds past their cut-off, that of all lanes included, and return the postings."""
    await lock_funds(tx.connection, funds)
    postings = await _withdraw_allotments(tx, funds)
    returned = await return_unspent(tx.connection, funds)
    return [*postings, *(ledger.return_to_treasury(*fund, amount) for fund, amount in sorted(returned.items()))]


async def _withdraw_allotments(tx: Transaction, funds: Collection[Fund]) -> list[Posting]:
    """Empty the allotments of locked funds; posted in the ledger of the funds, since only a lane writes its own."""
    idle = await lock_idle_allotments(tx.connection, funds)
    given_back = await _apply_changes(tx, {allotment: AllotmentChange(-free, 0) for allotment, free in idle.items()})
    return [posting._replace(lane=FUNDS_LEDGER) for posting in given_back]


async def _allocate(
    tx: Transaction, fund: Fund, balance: Balance, queues: Queues, free: Mapping[Allotment, int], block: int
) -> Allocation:
    if not balance.short:
        return allocate(queues, free, balance.free, block)
    return allocate_in_turn(await in_turn(tx.connection, fund, balance.free, oldest_first(queues)))


async def _apply_changes(tx: Transaction, changes: Mapping[Allotment, AllotmentChange]) -> list[Posting]:
    """Store the changes of allotments, and return the postings of what locked funds allotted or took back."""
    allotted = {allotment: movement.allotted for allotment, movement in changes.items() if movement.allotted}
    if allotted:
        by_fund: Counter[Fund] = Counter()
        for allotment, amount in allotted.items():
            by_fund[allotment.fund] += amount
        await allot_funds(tx.connection, by_fund)
        await open_allotments(tx.connection, allotted)
    if moved := {
        allotment: movement for allotment, movement in changes.items() if movement.allotted or movement.committed
    }:
        await update_allotments(tx.connection, moved)
    return [allot(*p, amount) if amount > 0 else return_to_fund(*p, -amount) for p, amount in allotted.items()]
