"""What payment says: to anyone on `payment.events`, and to the partner that is to pay.

Every disbursement is spoken of several times, so these events are written down as their contract has them, without
a model in between; the tests hold each against its contract.
"""

from collections.abc import Mapping

from pydantic_core import to_json

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, DisbursementKey, State
from services.payment.domain.entitlement import kind_of
from shared.contracts import payment
from shared.contracts.topics import PAYMENT_EVENTS, disbursements
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.transaction import Transaction

Traces = Mapping[DisbursementKey, str | None]
"""By right: the trace of the message that causes what is said about it. What the clock causes has none."""

EVENT_NAMES = {
    State.DUE: payment.DISBURSEMENT_SCHEDULED.name,
    State.HELD: payment.DISBURSEMENT_HELD.name,
    State.INSTRUCTED: payment.DISBURSEMENT_INSTRUCTED.name,
    State.ACCEPTED: payment.DISBURSEMENT_ACCEPTED.name,
    State.SETTLED: payment.DISBURSEMENT_SETTLED.name,
    State.REJECTED: payment.DISBURSEMENT_REJECTED.name,
    State.FAILED: payment.DISBURSEMENT_FAILED.name,
}


def emit_state(tx: Transaction, disbursement: Disbursement, traces: Traces, reason: str | None = None) -> None:
    """Where a disbursement now stands. `reason`: the partner's own code, when it was rejected."""
    data = {
        "participant_id": disbursement.participant_id,
        "redeem_code": disbursement.redeem_code,
        "wave": disbursement.wave,
        "benefit": disbursement.benefit,
        "reference": disbursement.reference,
        "partner": disbursement.partner,
        "amount": {"value": disbursement.amount, "currency": "IDR"},
        "attempt": disbursement.attempt,
        "reason": reason or disbursement.reason,
        "account_version": disbursement.tried_version or None,
    }
    headers = _headers(traces.get(disbursement.key))
    event = OutboxEvent(EVENT_NAMES[disbursement.state], disbursement.participant_id, to_json(data), headers)
    tx.emit_raw(PAYMENT_EVENTS, disbursement.lane, event)


def emit_instruction(tx: Transaction, disbursement: Disbursement, attempt: Attempt, traces: Traces) -> None:
    """Tells the partner to pay: the only place where money is asked to move."""
    kind = kind_of(disbursement.benefit)
    data = {
        "reference": attempt.reference,
        "amount": {"value": attempt.amount, "currency": "IDR"},
        "benefit": kind,
        "payee": {"kind": disbursement.payee, "account": attempt.account},
        "purpose": f"training {kind}",
        "instructed_at": attempt.instructed_at,
        "answer_by": attempt.answer_by,
    }
    event = OutboxEvent(
        payment.INSTRUCTION.name, attempt.reference, to_json(data), _headers(traces.get(disbursement.key))
    )
    tx.emit_raw(disbursements(attempt.partner), attempt.lane, event)


def request_status(tx: Transaction, attempt: Attempt) -> None:
    """Asks the partner what has become of a reference. Nothing is sent anew."""
    request = payment.StatusRequest(reference=attempt.reference, instructed_at=attempt.instructed_at)
    topic = disbursements(attempt.partner)
    tx.emit(payment.STATUS_REQUESTED, request, lane=attempt.lane, key=attempt.reference, topic=topic)


def _headers(trace: str | None) -> dict[str, str]:
    return {"traceparent": trace} if trace else {}
