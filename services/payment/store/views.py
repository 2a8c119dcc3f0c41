"""Views for operators: rows as they are, without account numbers, and counts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.disbursement import DisbursementKey, HoldReason
from services.payment.store import QUERIES
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, PAYMENT_EVENTS, lane_of
from shared.messaging.eras import EventIds, load_event_ids

EXPLAINED_TOPICS = (ENROLLMENT_EVENTS, COMPLETION_EVENTS, PAYMENT_EVENTS)

ReferencesOf = Callable[[int, str, str, str, int], list[str]]
"""Returns the references of all attempts of a participant's disbursement."""


class ParticipantViews(NamedTuple):
    """All rows of one participant; of accounts the one that counts.

    `references` are those of each disbursement's attempts.
    """

    account: Record | None
    blocks: Sequence[Record]
    erasure: Record | None
    enrollments: Sequence[Record]
    survey_answers: Sequence[Record]
    monthly_dues: Sequence[Record]
    disbursements: Sequence[Record]
    references: Mapping[DisbursementKey, list[str]]
    holds: Sequence[Record]
    attempts: Sequence[Record]
    answers: Sequence[Record]
    transfers: Sequence[Record]
    contradictions: Sequence[Record]
    approvals: Sequence[Record]
    confirmations: Sequence[Record]
    claims: Sequence[Record]
    event_ids: EventIds


async def view_participant(
    connection: Connection, participant_id: str, references_of: ReferencesOf
) -> ParticipantViews:
    enrollments = await connection.fetch(QUERIES["load_enrollment_views"], participant_id)
    disbursements = await connection.fetch(QUERIES["load_disbursement_views"], participant_id)
    codes = [enrollment["redeem_code"] for enrollment in enrollments]
    references = {
        (code, benefit): references_of(lane, participant_id, code, benefit, attempts)
        for code, benefit, lane, attempts in map(itemgetter("redeem_code", "benefit", "lane", "attempt"), disbursements)
    }
    every = [reference for of_one in references.values() for reference in of_one]
    attempts = await connection.fetch(QUERIES["load_attempt_views"], every)
    return ParticipantViews(
        account=await connection.fetchrow(QUERIES["load_account_view"], participant_id),
        blocks=await connection.fetch(QUERIES["load_block_views"], participant_id),
        erasure=await connection.fetchrow(QUERIES["load_erasure_view"], participant_id),
        enrollments=enrollments,
        survey_answers=await connection.fetch(QUERIES["load_survey_answer_views"], codes),
        monthly_dues=await connection.fetch(QUERIES["load_monthly_due_views"], codes),
        disbursements=disbursements,
        references=references,
        holds=await connection.fetch(QUERIES["load_hold_views"], codes),
        attempts=attempts,
        answers=await _view_answers(connection, lane_of(participant_id), attempts, disbursements),
        transfers=await _view_transfers(connection, every, disbursements),
        contradictions=await connection.fetch(QUERIES["load_contradiction_views"], codes),
        approvals=await connection.fetch(QUERIES["load_approval_views"], codes),
        confirmations=await connection.fetch(QUERIES["load_confirmation_views"], codes),
        claims=await view_claims(connection, codes),
        event_ids=await load_event_ids(connection, lane_of(participant_id), EXPLAINED_TOPICS),
    )


async def _view_answers(
    connection: Connection, lane: int, attempts: Sequence[Record], disbursements: Sequence[Record]
) -> Sequence[Record]:
    """Return the events of a lane that announced answers to these attempts, until their disbursements changed last."""
    changed_at = {(d["redeem_code"], d["benefit"]): d["changed_at"] for d in disbursements}
    asked = [(a["reference"], a["instructed_at"], changed_at[a["redeem_code"], a["benefit"]]) for a in attempts]
    return (
        await connection.fetch(QUERIES["load_answer_views"], *map(list, zip(*asked, strict=True)), lane)
        if asked
        else []
    )


async def _view_transfers(
    connection: Connection, references: Sequence[str], disbursements: Sequence[Record]
) -> Sequence[Record]:
    """Return the transfers of these references, between the times at which their disbursements changed."""
    if not references:
        return []
    since, until = min(d["due_at"] for d in disbursements), max(d["changed_at"] for d in disbursements)
    return await connection.fetch(QUERIES["load_transfer_views"], references, since, until)


async def view_claims(connection: Connection, redeem_codes: Collection[str] | None = None) -> Sequence[Record]:
    """Return the claims on payments of these trainings, or all, with debtor, reason, times and state."""
    codes = None if redeem_codes is None else list(redeem_codes)
    return await connection.fetch(QUERIES["load_claim_views"], codes)


async def view_held(
    connection: Connection, reason: HoldReason | None, wave: str | None, partner: str | None, at_most: int
) -> Sequence[Record]:
    """Return the held disbursements, the oldest first, each with the reason that is shown."""
    return await connection.fetch(QUERIES["load_held_views"], reason, wave, partner, at_most)


async def view_funds(connection: Connection) -> Sequence[Record]:
    """Return wave, component, and rupiah: appropriated, spent, free, overdrawn, waiting."""
    return await connection.fetch(QUERIES["load_funds_views"])


async def view_state_counts(connection: Connection) -> Sequence[Record]:
    """Return state, partner, benefit, reason, disbursements, rupiah; an empty text for none."""
    return await connection.fetch(QUERIES["load_state_counts"])


async def view_oldest(connection: Connection) -> Sequence[Record]:
    """Return benefit and due_at of the oldest disbursements.

    Those held have a reason besides, those at a partner a state and a partner.
    """
    held = await connection.fetch(QUERIES["load_oldest_held"])
    return [*held, *await connection.fetch(QUERIES["load_oldest_at_partners"])]
