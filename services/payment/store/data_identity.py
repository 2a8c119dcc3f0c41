"""What stored data tell of the keys that they were made with."""

from dataclasses import dataclass

from asyncpg import Connection

from services.payment.store import QUERIES
from shared.contracts.seals import token_prefix


@dataclass(frozen=True, slots=True)
class DerivedReference:
    """A reference, and what it was derived from."""

    reference: str
    lane: int
    redeem_code: str
    benefit: str
    attempt: int
    participant_id: str


@dataclass(frozen=True, slots=True)
class ProviderSeal:
    """An account of record as it rests, and the keyed hash of what stands under its seal."""

    provider_id: str
    partner: str
    account: str
    content: str


async def load_any_reference(connection: Connection) -> DerivedReference | None:
    """Return any that was derived from a right that is known; None while there is none."""
    row = await connection.fetchrow(QUERIES["load_any_reference"])
    return None if row is None else DerivedReference(*row)


async def load_provider_seals(connection: Connection) -> list[ProviderSeal]:
    """Return some of them."""
    return [ProviderSeal(*row) for row in await connection.fetch(QUERIES["load_provider_seals"])]


async def is_sealed_under(connection: Connection, kid: str) -> bool:
    """Tell whether an account, or something that waits, is sealed under this key."""
    return bool(await connection.fetchval(QUERIES["is_sealed_under"], token_prefix(kid), f".{kid}.."))
