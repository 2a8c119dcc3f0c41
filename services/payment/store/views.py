"""Views for operators: rows as they are, without account numbers, and counts."""

from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection, Record

from services.payment.store import QUERIES


async def view_account(connection: Connection, participant_id: str) -> Record | None:
    return await connection.fetchrow(QUERIES["load_account_view"], participant_id)


async def view_enrollments(connection: Connection, participant_id: str) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_enrollment_views"], participant_id)


async def view_survey_answers(connection: Connection, redeem_codes: Collection[str]) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_survey_answer_views"], list(redeem_codes))


async def view_monthly_dues(connection: Connection, redeem_codes: Collection[str]) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_monthly_due_views"], list(redeem_codes))


async def view_disbursements(connection: Connection, participant_id: str) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_disbursement_views"], participant_id)


async def view_attempts(connection: Connection, references: Collection[str]) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_attempt_views"], list(references))


async def view_contradictions(connection: Connection, redeem_codes: Collection[str]) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_contradiction_views"], list(redeem_codes))


async def view_block(connection: Connection, participant_id: str) -> Record | None:
    """Return the times of the latest block and unblock; None if there was none."""
    return await connection.fetchrow(QUERIES["load_block_view"], participant_id)


async def view_claims(connection: Connection, redeem_codes: Collection[str] | None = None) -> Sequence[Record]:
    """Return the claims on payments of these trainings, or all, with debtor, reason, times and state."""
    codes = None if redeem_codes is None else list(redeem_codes)
    return await connection.fetch(QUERIES["load_claim_views"], codes)


async def view_approvals(connection: Connection, redeem_codes: Collection[str]) -> Sequence[Record]:
    return await connection.fetch(QUERIES["load_approval_views"], list(redeem_codes))


async def view_transfers(
    connection: Connection, references: Collection[str], since: datetime, until: datetime
) -> Sequence[Record]:
    """Return the transfers of these references between two times."""
    return await connection.fetch(QUERIES["load_transfer_views"], list(references), since, until)


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
