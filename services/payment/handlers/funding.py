"""Money that the treasury gives to a wave."""

from collections import Counter
from collections.abc import Sequence

from services.payment.domain.books import appropriate
from services.payment.domain.funds import Pot
from services.payment.domain.right import Component
from services.payment.handlers.bookkeeping import write_down
from services.payment.store.funds import Appropriation, add_funds, insert_appropriations, load_appropriations
from shared.contracts.reasons import ParkReason
from shared.contracts.upstream import FundsAppropriated
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def appropriate_funds(tx: Transaction, messages: Sequence[Message[FundsAppropriated]]) -> None:
    """Only writes down the money, in the treasury's own book: each lane's sweep takes up what waited for it."""
    stated = [(message, _appropriation(message.data)) for message in messages]
    first: dict[tuple[str, Component], Appropriation] = {}
    for _, appropriation in stated:
        first.setdefault(appropriation.key, appropriation)
    new = await insert_appropriations(tx.connection, list(first.values()))
    known = await load_appropriations(tx.connection, first)
    for message, appropriation in stated:
        if known[appropriation.key] != appropriation:
            tx.park(message, ParkReason.CONFLICT, "/document")
    amounts: Counter[Pot] = Counter()
    for key in new:
        amounts[Pot(known[key].wave, known[key].component)] += known[key].amount
    if amounts:
        await add_funds(tx.connection, amounts)
        await write_down(tx, [appropriate(pot.wave, pot.component, amount) for pot, amount in sorted(amounts.items())])


def _appropriation(data: FundsAppropriated) -> Appropriation:
    return Appropriation(
        document=data.document,
        component=Component(data.component),
        wave=data.wave,
        amount=data.amount.value,
        appropriated_at=data.appropriated_at,
    )
