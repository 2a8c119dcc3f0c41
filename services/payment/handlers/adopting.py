"""After a restore: what our own topics say that we said binds us."""

from services.payment.domain.attempt import Attempt
from services.payment.handlers.halting import halt_partner
from services.payment.store.attempts import insert_adopted_attempts
from shared.contracts.payment import INSTRUCTION, Instruction
from shared.contracts.topics import PARTNERS, disbursements
from shared.messaging.subscription import Tail
from shared.messaging.transaction import Transaction

PARTNER_OF = {disbursements(partner): partner for partner in PARTNERS}


async def adopt(tx: Transaction, tail: Tail) -> None:
    """Takes over instructions: when their rights are read again, the same partner is asked for the same payment.

    Where the topic has a hole, somebody may have been paid of whom nothing is known any more: the partner is halted
    until its statement has been compared.
    """
    partner = PARTNER_OF.get(tail.topic)
    if partner is None:
        return
    attempts = {}
    for _, event in tail.events():
        if event.type == INSTRUCTION.name:
            instruction = INSTRUCTION.parse(event.data)
            attempts[instruction.reference] = _attempt(instruction, tail.lane, partner)
    await insert_adopted_attempts(tx.connection, list(attempts.values()))
    if not tail.whole:
        await halt_partner(tx, partner, "instructions are missing from its topic: compare its statement")


def _attempt(instruction: Instruction, lane: int, partner: str) -> Attempt:
    return Attempt(
        reference=instruction.reference,
        lane=lane,
        partner=partner,
        amount=instruction.amount.value,
        account=instruction.payee.account,
        instructed_at=instruction.instructed_at,
        answer_by=instruction.answer_by,
    )
