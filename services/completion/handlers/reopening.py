"""Reopening by operators: a training that was not completed in time completes by evidence that came after that."""

from asyncpg import Connection

from services.completion.domain.completion import Incomplete
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.reopening import Reopening, decide_reopening
from services.completion.handlers.outcome import confirmation_event, record_reopening
from services.completion.store.enrollments import is_voided, load_enrollments
from services.completion.store.evidence import load_evidence, load_spares, replace_evidence
from services.completion.store.revocations import load_revocations
from shared.contracts.completion import CompletionConfirmed
from shared.errors import Refused
from shared.messaging.engine.operations import in_lane
from shared.messaging.engine.operator import Operator, Outcome, require_second_person
from shared.messaging.transaction.transaction import Transaction, TransactionTerms
from shared.times import write_time


async def reopen(terms: TransactionTerms, redeem_code: str, connection: Connection, operator: Operator) -> Outcome:
    """Complete a training that was not completed in time, by all evidence that is kept. It takes two persons.

    The event that says so has the times of the evidence. Raise Refused for a training in another state, with what is
    missing, and while its lane is catching up after a restore.
    """
    found = await load_enrollments(connection, [redeem_code])
    if redeem_code not in found:
        raise Refused(f"{redeem_code} is not known here")

    async def reopen_in_lane(tx: Transaction) -> Outcome:
        return await _reopen(tx, operator, redeem_code)

    return await in_lane(connection, operator, terms, found[redeem_code].lane, reopen_in_lane)


async def _reopen(tx: Transaction, operator: Operator, code: str) -> Outcome:
    enrollment = (await load_enrollments(tx.connection, [code]))[code]
    if enrollment.state is not EnrollmentState.NOT_COMPLETED:
        raise Refused(f"{code} is {enrollment.state}; only what was not completed in time can be reopened")
    if await is_voided(tx.connection, code):
        raise Refused(f"{code} was voided; nothing is paid for it, and it cannot be reopened")
    if tx.catching_up(enrollment.lane):
        raise Refused(
            f"lane {enrollment.lane} is catching up after a restore: decide when `lanes` no longer shows that"
        )
    reopening = await _load_reopening(tx.connection, enrollment)
    if isinstance(reopening.outcome, Incomplete):
        raise Refused(f"{code} cannot be completed; {', '.join(reopening.outcome.missing)} is missing")
    event = confirmation_event(enrollment, reopening.outcome)
    content = {"redeem_code": code, "completed_at": write_time(event.completed_at), "digest": event.digest}
    what = f"{code} was completed on {content['completed_at']} by {event.evidence_count} pieces of evidence"
    first = await require_second_person(tx.connection, operator, "reopen", code, content)
    if first is None:
        sentence = f"{what}: {operator.who} has consented; a second person must"
        return Outcome(changed=True, sentence=sentence, awaits_second=True)
    await _complete(tx, enrollment, reopening, event)
    await operator.record(tx.connection, "reopen", **content, first=first)
    return Outcome(changed=True, sentence=f"{what}: it is completed now")


async def _load_reopening(connection: Connection, enrollment: Enrollment) -> Reopening:
    code = enrollment.redeem_code
    evidence, spares = await load_evidence(connection, [code]), await load_spares(connection, [code])
    revoked = {one.revocation.origin for one in (await load_revocations(connection, [code]))[code]}
    return decide_reopening(enrollment.rule, evidence[code], spares[code], revoked)


async def _complete(tx: Transaction, enrollment: Enrollment, reopening: Reopening, event: CompletionConfirmed) -> None:
    # While it is not completed: the evidence of a completion stays as it is.
    await replace_evidence(tx.connection, [(enrollment.redeem_code, reopening.replacement)])
    await record_reopening(tx, enrollment, event.model_copy(update={"reopened_at": tx.now}))
