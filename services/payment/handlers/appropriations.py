"""Appropriations: money that the treasury gives to a wave."""

from collections import Counter
from collections.abc import Sequence

from services.payment.domain.entitlement import Component
from services.payment.domain.funds import Fund
from services.payment.domain.ledger import appropriate
from services.payment.payout.ledger import post
from services.payment.store.funds import Appropriation, add_funds, insert_appropriations, load_appropriations
from shared.contracts.park_reasons import ParkReason
from shared.contracts.upstream import FundsAppropriated
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def appropriate_funds(tx: Transaction, messages: Sequence[Message[FundsAppropriated]]) -> None:
    """Store appropriations and post them in the treasury's ledger; the sweep of each lane pays what waited for money.

    A document that comes again with other content is parked.
    """
    stated = [(message, _appropriation(message.data)) for message in messages]
    first: dict[tuple[str, Component], Appropriation] = {}
    for _, appropriation in stated:
        first.setdefault(appropriation.key, appropriation)
    new = await insert_appropriations(tx.connection, list(first.values()))
    known = await load_appropriations(tx.connection, first)
    for message, appropriation in stated:
        if known[appropriation.key] != appropriation:
            tx.park(message, ParkReason.CONFLICT, "/document")
    amounts: Counter[Fund] = Counter()
    for key in new:
        amounts[Fund(known[key].wave, known[key].component)] += known[key].amount
    if amounts:
        await add_funds(tx.connection, amounts)
        await post(tx, [appropriate(fund.wave, fund.component, amount) for fund, amount in sorted(amounts.items())])


def _appropriation(data: FundsAppropriated) -> Appropriation:
    return Appropriation(
        document=data.document,
        component=Component(data.component),
        wave=data.wave,
        amount=data.amount.value,
        appropriated_at=data.appropriated_at,
    )
