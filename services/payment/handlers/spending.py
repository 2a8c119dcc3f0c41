"""Takes money for disbursements out of their lanes' purses, and fills purses from the waves' funds."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from services.payment.domain.books import FUNDS_BOOK, Posting, give_back, reserve
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.funds import (
    Balance,
    Pot,
    Purse,
    Queues,
    Share,
    oldest_first,
    purse_of,
    share,
    share_in_turn,
    taken_from_purses,
)
from services.payment.handlers.queueing import in_turn
from services.payment.store.funds import (
    Movement,
    load_purses,
    lock_funds,
    lock_idle_purses,
    move_funds,
    move_purses,
    open_funds,
    open_purses,
    overdraw_funds,
    recount_promised,
)
from shared.messaging.transaction import Transaction

EMPTY = Balance(0, short=False)


async def spend(
    tx: Transaction, disbursements: Sequence[Disbursement], block: int, leaving: Collection[Pot] = ()
) -> tuple[set[tuple[str, str]], list[Posting]]:
    """Take the money for as many as it lasts for; return the rights paid for, and the postings of what was drawn.

    Whoever is not paid is to be held. A purse that suffices is spent from without a lock, while nobody waits for money
    of its pot. Else the fund is locked, together with those whose queues somebody may be `leaving`.
    """
    queues: dict[Purse, list[Disbursement]] = defaultdict(list)
    for disbursement in disbursements:
        queues[purse_of(disbursement)].append(disbursement)
    purses = await load_purses(tx.connection, queues) if queues else {}
    needed = {purse: sum([d.amount for d in queue]) for purse, queue in queues.items()}
    short = {p.pot for p, balance in purses.items() if balance.short or balance.free < needed[p]}
    locked = short.union(leaving)
    funds = await lock_funds(tx.connection, locked) if locked else {}
    paid = {d.right for purse, queue in queues.items() if purse.pot not in short for d in queue}
    movements = {purse: Movement(0, amount) for purse, amount in needed.items() if purse.pot not in short}
    for pot in short:
        of_pot = {purse: queue for purse, queue in queues.items() if purse.pot == pot}
        free = {purse: purses[purse].free for purse in of_pot}
        shared = await _share(tx, pot, funds.get(pot, EMPTY), of_pot, free, block)
        paid.update([d.right for d in shared.paid])
        for purse in of_pot:
            movements[purse] = Movement(shared.drawn.get(purse, 0), shared.spent.get(purse, 0))
    return paid, await _move(tx, movements)


async def return_money(tx: Transaction, spent: Mapping[Purse, int]) -> None:
    """What was spent on attempts that partners rejected is back in its purse."""
    await move_purses(tx.connection, {purse: Movement(0, -amount) for purse, amount in spent.items()})


async def spend_told(tx: Transaction, told: Sequence[Disbursement]) -> list[Posting]:
    """Take the money of what partners had been told before a restore, whether its wave has it or not.

    Returns the postings of what was drawn. What was kept for these is nobody's any more, and taken first.
    """
    needed = taken_from_purses(told)
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
    await lock_funds(tx.connection, pots)
    postings = await _take_back(tx, pots)
    await recount_promised(tx.connection, pots)
    return postings


async def spend_confirmed(tx: Transaction, disbursement: Disbursement) -> tuple[list[Posting], int]:
    """Take the money of a payment that did go out, whether the wave has it or not.

    Returns the postings of what was drawn, and by how much the wave is overdrawn then.
    """
    purse = purse_of(disbursement)
    # Under the lock of its fund nobody else empties the purse.
    await lock_funds(tx.connection, [purse.pot])
    free = (await load_purses(tx.connection, [purse]))[purse].free
    short, overdrawn = max(0, disbursement.amount - free), 0
    if short:
        overdrawn = await overdraw_funds(tx.connection, purse.pot, short)
        await open_purses(tx.connection, [purse])
    await move_purses(tx.connection, {purse: Movement(short, disbursement.amount)})
    return [reserve(*purse, short)] if short else [], overdrawn


async def empty_purses(tx: Transaction, pots: Collection[Pot]) -> list[Posting]:
    """Give money that lies unused in purses of any lane back to pots that are short, and return the postings."""
    funds = await lock_funds(tx.connection, pots)
    return await _take_back(tx, [pot for pot, fund in funds.items() if fund.short])


async def _take_back(tx: Transaction, pots: Collection[Pot]) -> list[Posting]:
    """Empty the purses of locked pots. It is booked in a book of its own, for only its owner writes in a lane's."""
    idle = await lock_idle_purses(tx.connection, pots)
    given_back = await _move(tx, {purse: Movement(-free, 0) for purse, free in idle.items()})
    return [posting._replace(lane=FUNDS_BOOK) for posting in given_back]


async def _share(
    tx: Transaction, pot: Pot, fund: Balance, queues: Queues, free: Mapping[Purse, int], block: int
) -> Share:
    if not fund.short:
        return share(queues, free, fund.free, block)
    return share_in_turn(await in_turn(tx.connection, pot, fund.free, oldest_first(queues)))


async def _move(tx: Transaction, movements: Mapping[Purse, Movement]) -> list[Posting]:
    """Write movements down and return the postings of what was drawn, from funds that are locked."""
    drawn = {purse: movement.drawn for purse, movement in movements.items() if movement.drawn}
    if drawn:
        of_pots: Counter[Pot] = Counter()
        for purse, amount in drawn.items():
            of_pots[purse.pot] += amount
        await move_funds(tx.connection, of_pots)
        await open_purses(tx.connection, drawn)
    if moved := {purse: movement for purse, movement in movements.items() if movement.drawn or movement.spent}:
        await move_purses(tx.connection, moved)
    return [reserve(*p, amount) if amount > 0 else give_back(*p, -amount) for p, amount in drawn.items()]
