"""Events of payment: on `payment.events` for anyone, and to the partner that is to pay.

They are JSON written by hand after their contract, against which the tests hold each, byte for byte. The contract's
models cost more: 4 to 8 us a state event and 2.5 to 12 us an instruction in two measurements on a busy machine, which
by estimate is 2.5 to 5 % of a journey's processor time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from services.payment.domain.attempt import Attempt
from services.payment.domain.claim import Claim
from services.payment.domain.disbursement import Disbursement, DisbursementKey, State
from services.payment.domain.entitlement import kind_of
from shared.contracts import payment
from shared.contracts.events import EventType
from shared.contracts.topics import disbursements
from shared.messaging.transaction.transaction import Transaction

Traces = Mapping[DisbursementKey, str | None]
"""Disbursement key -> traceparent of the message that caused its events. Events caused by a timer have none."""

CUT_OFF = "cut_off"
"""The reason for which a disbursement is forfeited."""

EVENT_OF: Mapping[State, EventType[Any]] = {
    State.DUE: payment.DISBURSEMENT_SCHEDULED,
    State.HELD: payment.DISBURSEMENT_HELD,
    State.INSTRUCTED: payment.DISBURSEMENT_INSTRUCTED,
    State.ACCEPTED: payment.DISBURSEMENT_ACCEPTED,
    State.SETTLED: payment.DISBURSEMENT_SETTLED,
    State.REJECTED: payment.DISBURSEMENT_REJECTED,
    State.RETURNED: payment.DISBURSEMENT_RETURNED,
    State.FAILED: payment.DISBURSEMENT_FAILED,
    State.CANCELLED: payment.DISBURSEMENT_CANCELLED,
    State.FORFEITED: payment.DISBURSEMENT_FORFEITED,
}


def emit_state(
    tx: Transaction,
    disbursement: Disbursement,
    traces: Traces,
    reason: str | None = None,
    returned_at: datetime | None = None,
) -> int | None:
    """Emit the event of a disbursement's state and return its number.

    `reason`: the partner's own code, if it was rejected or its money returned, which `returned_at` tells.
    """
    data = _common_fields(disbursement, reason or disbursement.reason or _ended_for(disbursement))
    if returned_at is not None:
        data["returned_at"] = returned_at
    return _emit(tx, EVENT_OF[disbursement.state], disbursement, data, traces)


def _ended_for(disbursement: Disbursement) -> str | None:
    """Return why a disbursement was cancelled or forfeited."""
    if disbursement.state is State.FORFEITED:
        return CUT_OFF
    return disbursement.annulled if disbursement.state is State.CANCELLED else None


def emit_claim_opened(tx: Transaction, claim: Claim, traces: Traces) -> int | None:
    """Emit that a claim was opened; return the number of the event."""
    data = _common_fields(claim.disbursement, claim.reason) | {
        "claim": claim.id,
        "debtor": claim.debtor,
        "opened_at": claim.opened_at,
        "due_at": claim.due_at,
    }
    return _emit(tx, payment.CLAIM_OPENED, claim.disbursement, data, traces)


def emit_claim_repaid(tx: Transaction, claim: Claim) -> int | None:
    """Emit that a claim was repaid; return the number of the event."""
    data = _common_fields(claim.disbursement, claim.reason) | {"claim": claim.id, "document": claim.document}
    return _emit(tx, payment.CLAIM_REPAID, claim.disbursement, data, {})


def emit_claim_withdrawn(tx: Transaction, claim: Claim, reason: str, traces: Traces) -> int | None:
    """Emit that a claim was withdrawn, and why; return the number of the event."""
    data = _common_fields(claim.disbursement, reason) | {"claim": claim.id}
    return _emit(tx, payment.CLAIM_WITHDRAWN, claim.disbursement, data, traces)


def _common_fields(disbursement: Disbursement, reason: str | None) -> dict[str, object]:
    """Return the fields that every event of `payment.events` has."""
    return {
        "participant_id": disbursement.participant_id,
        "redeem_code": disbursement.redeem_code,
        "wave": disbursement.wave,
        "benefit": disbursement.benefit,
        "reference": disbursement.reference,
        "partner": disbursement.partner,
        "amount": {"value": disbursement.amount, "currency": "IDR"},
        "attempt": disbursement.attempt,
        "reason": reason,
        "account_version": disbursement.tried_version or None,
    }


def _emit(
    tx: Transaction, event: EventType[Any], disbursement: Disbursement, data: dict[str, object], traces: Traces
) -> int | None:
    return tx.emit_json(
        event,
        to_json(data),
        lane=disbursement.lane,
        key=disbursement.participant_id,
        trace=traces.get(disbursement.key),
    )


def emit_instruction(tx: Transaction, disbursement: Disbursement, attempt: Attempt, traces: Traces) -> None:
    """Instruct the partner to pay: the only place where money is asked to move."""
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
    tx.emit_json(
        payment.INSTRUCTION,
        to_json(data),
        lane=attempt.lane,
        key=attempt.reference,
        topic=disbursements(attempt.partner),
        trace=traces.get(disbursement.key),
    )


def request_status(tx: Transaction, attempt: Attempt) -> None:
    """Ask the partner for the status of a reference; the instruction is not sent again."""
    request = payment.StatusRequest(reference=attempt.reference, instructed_at=attempt.instructed_at)
    topic = disbursements(attempt.partner)
    tx.emit(payment.STATUS_REQUESTED, request, lane=attempt.lane, key=attempt.reference, topic=topic)
