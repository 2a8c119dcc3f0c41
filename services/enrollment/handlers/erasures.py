"""Erasures: participants of whom nothing personal is kept any more. The index of their NIK stays."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from asyncpg import Connection

from services.enrollment.domain.deferral_kinds import PARTICIPANT
from services.enrollment.handlers.adoption import forget_accounts_of
from services.enrollment.store.admissions import load_admissions
from services.enrollment.store.erasures import Erasure, erase_kept_accounts, insert_erasures, load_erased
from shared.contracts import enrollment, upstream
from shared.contracts.fields import PARTICIPANT_ID
from shared.contracts.topics import lane_of
from shared.errors import Refused
from shared.messaging.engine.operations import in_lane
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

CONSEQUENCES = (
    "for ever, which cannot be undone. Destroyed with it: {kept} in enrollment, the number of the linked account in "
    "payment, and in every service the key of what is parked and the bytes of what is deferred. All that is unpaid "
    "with the participant's trainings is cancelled, fees too, and nothing falls due again; what is at a partner goes "
    "on. Ledgers, the index of the NIK and the participant's id stay; Kafka and the pages forget after their "
    "retention, backups when they are deleted"
)


async def note_erasures(tx: Transaction, messages: Sequence[Message[upstream.ParticipantErased]]) -> None:
    """Erase participants, each once, and announce it. One without an application is deferred until that comes.

    What is deferred of them ends at once all the same. Of a refused person it is noted too: their account is kept for a
    later wave.
    """
    applied = await load_admissions(tx.connection, {message.data.participant_id for message in messages})
    first: dict[str, Message[upstream.ParticipantErased]] = {}
    for message in messages:
        person = message.data.participant_id
        if person in applied:
            first.setdefault(person, message)
        else:
            tx.defer(message, PARTICIPANT, person)
    await tx.erase_personal({message.data.participant_id for message in messages} - first.keys())
    erasures = [Erasure(person, require_lane(m), m.data.erased_at) for person, m in first.items()]
    await _erase(tx, erasures, {person: m.trace for person, m in first.items()})


async def erase_participant(
    terms: TransactionTerms, participant_id: str, connection: Connection, operator: Operator
) -> Outcome:
    """Erase a participant as an operator; raise Refused for one who never applied."""
    if not re.fullmatch(PARTICIPANT_ID, participant_id):
        raise Refused(f"{participant_id} is no participant: an id has 16 digits")
    erase = partial(_erase_as, operator, participant_id)
    return await in_lane(connection, operator, terms, lane_of(participant_id), erase)


async def _erase_as(operator: Operator, participant_id: str, tx: Transaction) -> Outcome:
    if participant_id not in await load_admissions(tx.connection, [participant_id]):
        raise Refused(f"nobody has applied as {participant_id}")
    erased, kept = await _erase(tx, [Erasure(participant_id, lane_of(participant_id), tx.now)], {})
    if not erased:
        return Outcome(changed=False, sentence=f"participant {participant_id} was erased already")
    await operator.record(tx.connection, "erase", participant=participant_id, kept_accounts=kept)
    consequences = CONSEQUENCES.format(kept="an account that was kept" if kept else "nothing")
    return Outcome(changed=True, sentence=f"participant {participant_id} is erased {consequences}")


async def _erase(
    tx: Transaction, erasures: Sequence[Erasure], traces: Mapping[str, str | None]
) -> tuple[set[str], int]:
    """Erase those who were not erased before; return them, and the number of accounts that were kept of them."""
    known = await load_erased(tx.connection, [one.participant_id for one in erasures]) if erasures else set()
    new = [one._replace(carried_by=_emit(tx, one, traces)) for one in erasures if one.participant_id not in known]
    people = {one.participant_id for one in new}
    if not people:
        return people, 0
    await insert_erasures(tx.connection, new)
    kept = await erase_kept_accounts(tx.connection, people)
    await tx.erase_personal(people)
    await forget_accounts_of(tx, people)
    return people, kept


def _emit(tx: Transaction, erasure: Erasure, traces: Mapping[str, str | None]) -> int | None:
    """Emit an erasure and return the number of its event."""
    person = erasure.participant_id
    event = enrollment.ParticipantErased(participant_id=person, erased_at=erasure.erased_at)
    return tx.emit(enrollment.PARTICIPANT_ERASED, event, lane=erasure.lane, key=person, trace=traces.get(person))
