"""Erased participants: what is unpaid with their trainings is marked, and their account numbers go."""

from collections.abc import Collection, Iterable

from services.payment.context import Context
from services.payment.domain.disbursement import AT_THE_PARTNER, Disbursement, annul
from services.payment.domain.entitlement import Annulment, Payee
from services.payment.store.disbursements import annul_disbursements, load_unpaid
from services.payment.store.enrollments import load_enrollments
from services.payment.store.erasures import (
    Erasure,
    erase_accounts,
    erase_attempt_accounts,
    insert_erasures,
    load_attempted,
)
from shared.messaging.transaction.transaction import Transaction


async def mark_erased(tx: Transaction, participant_ids: Collection[str]) -> list[Disbursement]:
    """Mark what is unpaid with the trainings of erased participants, and return it; states stay as they are."""
    codes = await load_enrollments(tx.connection, participant_ids)
    unpaid = [annul(d, Annulment.ERASED) for d in await load_unpaid(tx.connection, codes)]
    await annul_disbursements(tx.connection, unpaid, tx.now)
    return unpaid


async def erase_account_numbers(context: Context, tx: Transaction, participant_ids: Collection[str]) -> None:
    """Erase the account numbers and keys of erased participants, but numbers of attempts that are at a partner."""
    await _erase_what_is_kept(tx, participant_ids)
    codes = await load_enrollments(tx.connection, participant_ids)
    over: list[str] = []
    for d in await load_attempted(tx.connection, codes):
        made = context.references_of(d.lane, d.participant_id, d.redeem_code, d.benefit, d.attempt)
        over += [reference for reference in made if d.state not in AT_THE_PARTNER or reference != d.reference]
    await erase_attempt_accounts(tx.connection, over)


async def _erase_what_is_kept(tx: Transaction, participant_ids: Collection[str]) -> None:
    """Erase the numbers of the accounts that erased participants linked, and what is kept of their records."""
    await erase_accounts(tx.connection, participant_ids)
    await tx.erase_personal(participant_ids)


async def erase_ended_attempts(tx: Transaction, reported: Iterable[Disbursement]) -> None:
    """Erase the account numbers of the attempts that reports have ended, where they went to erased participants.

    Only what is marked can be theirs, so the ordinary report makes no query.
    """
    marked = [d for d in reported if d.annulled is not None and d.payee is Payee.PARTICIPANT]
    ended = [str(d.reference) for d in marked if d.state not in AT_THE_PARTNER]
    await erase_attempt_accounts(tx.connection, ended)


async def adopt_erasures(tx: Transaction, lane: int, cancelled: Iterable[str]) -> None:
    """Take participants for erased of whom something was cancelled for that before a restore.

    So nothing is paid to them before the event that erased them is read again; then the rest follows.
    """
    erasures = [Erasure(person, lane) for person in set(cancelled)]
    if erasures and (new := await insert_erasures(tx.connection, erasures)):
        await mark_erased(tx, new)
        await _erase_what_is_kept(tx, new)
