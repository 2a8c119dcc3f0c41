"""What payment says: to anyone on `payment.events`, and to the partner that is to pay."""

from collections.abc import Mapping
from typing import cast

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, State
from services.payment.domain.right import kind_of
from shared.contracts import payment
from shared.contracts.fields import Partner, rupiah
from shared.contracts.topics import disbursements
from shared.messaging.transaction import Transaction

Traces = Mapping[tuple[str, str], str | None]
"""By right: the trace of the message that causes what is said about it. What the clock causes has none."""

EVENT_OF = {
    State.DUE: payment.DISBURSEMENT_SCHEDULED,
    State.HELD: payment.DISBURSEMENT_HELD,
    State.INSTRUCTED: payment.DISBURSEMENT_INSTRUCTED,
    State.ACCEPTED: payment.DISBURSEMENT_ACCEPTED,
    State.SETTLED: payment.DISBURSEMENT_SETTLED,
    State.REJECTED: payment.DISBURSEMENT_REJECTED,
    State.FAILED: payment.DISBURSEMENT_FAILED,
}


def announce(tx: Transaction, disbursement: Disbursement, traces: Traces, reason: str | None = None) -> None:
    """Where a disbursement now stands. `reason`: the partner's own code, when it was rejected."""
    said = payment.Disbursement(
        participant_id=disbursement.participant_id,
        redeem_code=disbursement.redeem_code,
        wave=disbursement.wave,
        benefit=disbursement.benefit,
        reference=disbursement.reference,
        partner=cast("Partner | None", disbursement.partner),
        amount=rupiah(disbursement.amount),
        attempt=disbursement.attempt,
        reason=reason or disbursement.reason,
    )
    lane, key, trace = disbursement.lane, disbursement.participant_id, traces.get(disbursement.right)
    tx.announce(EVENT_OF[disbursement.state], said, lane=lane, key=key, trace=trace)


def announce_instruction(tx: Transaction, disbursement: Disbursement, attempt: Attempt, traces: Traces) -> None:
    """Tells the partner to pay: the only place where money is asked to move."""
    kind = kind_of(disbursement.benefit)
    instruction = payment.Instruction(
        reference=attempt.reference,
        amount=rupiah(attempt.amount),
        benefit=kind,
        payee=payment.Payee(kind=disbursement.payee.value, account=attempt.account),
        purpose=f"training {kind}",
        instructed_at=attempt.instructed_at,
        answer_by=attempt.answer_by,
    )
    topic, trace = disbursements(attempt.partner), traces.get(disbursement.right)
    tx.announce(payment.INSTRUCTION, instruction, lane=attempt.lane, key=attempt.reference, topic=topic, trace=trace)


def announce_question(tx: Transaction, attempt: Attempt) -> None:
    """Asks the partner what has become of a reference. Nothing is sent anew."""
    request = payment.StatusRequest(reference=attempt.reference, instructed_at=attempt.instructed_at)
    topic = disbursements(attempt.partner)
    tx.announce(payment.STATUS_REQUESTED, request, lane=attempt.lane, key=attempt.reference, topic=topic)
