"""Takes money for disbursements out of their lanes' purses, and fills purses from the waves' funds."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from services.payment.domain.books import Posting, give_back, reserve
from services.payment.domain.disbursement import Disbursement, HoldReason
from services.payment.domain.funds import Pot, Purse, affordable, to_draw
from services.payment.store.funds import (
    Contents,
    Movement,
    load_free_purses,
    load_purses,
    lock_funds,
    move_funds,
    move_purses,
    open_funds,
    open_purses,
    overdraw_funds,
    recount_promised,
)
from shared.messaging.transaction import Transaction

Queue = dict[Purse, list[Disbursement]]


async def spend(
    tx: Transaction, disbursements: Sequence[Disbursement], block: int
) -> tuple[set[tuple[str, str]], list[Posting]]:
    """Takes the money for as many as it lasts for, in the order given.

    Returns the rights that are paid for, and the postings of what was drawn. What comes new behind a queue joins it.
    """
    queues: Queue = defaultdict(list)
    for disbursement in disbursements:
        queues[Purse(disbursement.lane, disbursement.wave, disbursement.component)].append(disbursement)
    if not queues:
        return set(), []
    purses = await load_purses(tx.connection, queues)
    queues = {purse: _in_turn(queue, purses[purse]) for purse, queue in queues.items()}
    drawn = await _draw(tx, queues, purses, block)
    paid: set[tuple[str, str]] = set()
    movements: dict[Purse, Movement] = {}
    for purse, queue in queues.items():
        count, spent = affordable([d.amount for d in queue], purses[purse].free + drawn.get(purse, 0))
        paid.update(d.right for d in queue[:count])
        if spent or purse in drawn:
            movements[purse] = Movement(drawn.get(purse, 0), spent)
    if movements:
        await move_purses(tx.connection, movements)
    return paid, [reserve(*purse, amount) for purse, amount in drawn.items()]


async def return_money(tx: Transaction, spent: Mapping[Purse, int]) -> None:
    """What was spent on attempts that partners rejected is back in its purse."""
    await move_purses(tx.connection, {purse: Movement(0, -amount) for purse, amount in spent.items()})


async def spend_told(tx: Transaction, told: Sequence[Disbursement]) -> list[Posting]:
    """Take the money of what partners had been told before a restore, whether its wave has it or not.

    Returns the postings of what was drawn. What was kept for these is nobody's any more, and taken first.
    """
    needed: Counter[Purse] = Counter()
    for disbursement in told:
        needed[Purse(disbursement.lane, disbursement.wave, disbursement.component)] += disbursement.amount
    pots = {purse.pot for purse in needed}
    await open_funds(tx.connection, pots)
    await lock_funds(tx.connection, pots)
    await recount_promised(tx.connection, pots)
    purses = await load_purses(tx.connection, needed)
    drawn = {purse: short for purse, amount in needed.items() if (short := amount - purses[purse].free) > 0}
    for purse, short in drawn.items():
        await overdraw_funds(tx.connection, purse.pot, short)
    await open_purses(tx.connection, needed)
    await move_purses(tx.connection, {p: Movement(drawn.get(p, 0), amount) for p, amount in needed.items()})
    return [reserve(*purse, short) for purse, short in drawn.items()]


async def keep_promised(tx: Transaction, pots: Collection[Pot]) -> list[Posting]:
    """Keep the money of what partners had been told; return the postings of what comes back out of all lanes' purses.

    Every lane has to be locked: after that none has money in its purse that another has promised.
    """
    await open_funds(tx.connection, pots)
    idle = await load_free_purses(tx.connection, pots)
    postings = await return_purses(tx, idle)
    await recount_promised(tx.connection, pots)
    return postings


async def spend_confirmed(tx: Transaction, disbursement: Disbursement) -> tuple[list[Posting], int]:
    """Take the money of a payment that did go out, whether the wave has it or not.

    Returns the postings of what was drawn, and by how much the wave is overdrawn then.
    """
    purse = Purse(disbursement.lane, disbursement.wave, disbursement.component)
    free = (await load_purses(tx.connection, [purse]))[purse].free
    short, overdrawn = max(0, disbursement.amount - free), 0
    if short:
        overdrawn = await overdraw_funds(tx.connection, purse.pot, short)
        await open_purses(tx.connection, [purse])
    await move_purses(tx.connection, {purse: Movement(short, disbursement.amount)})
    return [reserve(*purse, short)] if short else [], overdrawn


async def return_purses(tx: Transaction, idle: Mapping[Purse, int]) -> list[Posting]:
    """What lies unused in these purses goes back to its wave, for other lanes to draw."""
    back: Counter[Pot] = Counter()
    for purse, free in idle.items():
        back[purse.pot] += free
    await lock_funds(tx.connection, back)
    await move_funds(tx.connection, {pot: -amount for pot, amount in back.items()})
    await move_purses(tx.connection, {purse: Movement(-free, 0) for purse, free in idle.items()})
    return [give_back(*purse, free) for purse, free in idle.items()]


def _in_turn(queue: list[Disbursement], contents: Contents) -> list[Disbursement]:
    if not contents.queued:
        return queue
    return [d for d in queue if d.reason is HoldReason.NO_FUNDS]


async def _draw(tx: Transaction, queues: Queue, purses: Mapping[Purse, Contents], block: int) -> dict[Purse, int]:
    """Fills the purses that run short; locks the funds of their waves, and those only."""
    amounts = {purse: [d.amount for d in queue] for purse, queue in queues.items()}
    short = [purse for purse in queues if sum(amounts[purse]) > purses[purse].free]
    if not short:
        return {}
    central = await lock_funds(tx.connection, {purse.pot for purse in short})
    drawn: dict[Purse, int] = {}
    taken: Counter[Pot] = Counter()
    for purse in short:
        left = central.get(purse.pot, 0) - taken[purse.pot]
        if amount := to_draw(amounts[purse], purses[purse].free, left, block):
            drawn[purse] = amount
            taken[purse.pot] += amount
    if drawn:
        await move_funds(tx.connection, taken)
        await open_purses(tx.connection, drawn)
    return drawn
