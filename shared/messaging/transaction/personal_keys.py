"""Keys of people: each is made of the service's key and a secret, which an erasure destroys.

What is sealed under a person's key and kept for years is dead from then on, in whatever tables it stands.
"""

import os
from collections.abc import Collection, Mapping

from asyncpg import Connection

from shared.contracts.seals import SECRET_BYTES
from shared.messaging.queries import QUERIES


async def load_secrets(connection: Connection, people: Collection[str]) -> Mapping[str, bytes | None]:
    """Load the secrets of these people, and make those that are missing; None for who was erased."""
    if not people:
        return {}
    wanted = sorted(people)
    await connection.execute(QUERIES["make_personal_secrets"], wanted, [os.urandom(SECRET_BYTES) for _ in wanted])
    rows = await connection.fetch(QUERIES["load_personal_secrets"], wanted)
    return {row["person"]: row["secret"] for row in rows}


async def load_erased(connection: Connection, people: Collection[str]) -> set[str]:
    """Return those of these people whose secrets were destroyed."""
    return {row["person"] for row in await connection.fetch(QUERIES["load_erased_people"], list(people))}


async def destroy_secrets(connection: Connection, people: Collection[str]) -> None:
    """Destroy the secrets of these people for ever; nothing is sealed under a key of theirs any more."""
    await connection.execute(QUERIES["destroy_personal_secrets"], sorted(people))
