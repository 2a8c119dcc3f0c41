"""Stored data that prove the keys they were made with."""

from dataclasses import dataclass

from asyncpg import Connection

from services.payment.store import QUERIES
from shared.messaging.transaction.seal_counts import KidCounts, count_seals


@dataclass(frozen=True, slots=True)
class DerivedReference:
    """Stored reference, and the values it was derived from."""

    reference: str
    lane: int
    redeem_code: str
    benefit: str
    attempt: int
    participant_id: str


@dataclass(frozen=True, slots=True)
class ProviderSeal:
    """Account of record as it is kept, and the keyed hash of its content."""

    provider_id: str
    partner: str
    account: str
    content: str


async def load_any_reference(connection: Connection) -> DerivedReference | None:
    """Load any reference of a known disbursement; None while there is none."""
    row = await connection.fetchrow(QUERIES["load_any_reference"])
    return None if row is None else DerivedReference(*row)


async def load_provider_seals(connection: Connection) -> list[ProviderSeal]:
    """Load some accounts of record."""
    return [ProviderSeal(*row) for row in await connection.fetch(QUERIES["load_provider_seals"])]


async def count_sealed_accounts(connection: Connection) -> KidCounts:
    """Count the accounts of participants by the key that seals them."""
    return await count_seals(connection, QUERIES["count_sealed_accounts"])


async def count_sealed_providers(connection: Connection) -> KidCounts:
    """Count the accounts of record by the key that seals them."""
    return await count_seals(connection, QUERIES["count_sealed_providers"])


async def count_sealed_instructions(connection: Connection, partner: str) -> KidCounts:
    """Count the instructions without a final report by the partner's key that seals them."""
    return await count_seals(connection, QUERIES["count_sealed_instructions"], partner)
