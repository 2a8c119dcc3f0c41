"""The rows of identity that a service's role may delete: claims just made, and keys that rotate."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg import Connection

from tests.infrastructure import Database

CLAIM = "insert into claim (kind, key, owner) values ('nik', $1, 'ana')"
FREE = "delete from claim where key = any($1::text[])"
STANDS = r"a claim of kind nik stands for ever"


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Connection]:
    session, owner = await database.sessions("enrollment")
    yield session
    await owner.close()


async def test_claim_is_deleted_only_by_the_transaction_that_made_it(service: Connection) -> None:
    async with service.transaction():
        await service.execute(CLAIM, "one")
        async with service.transaction():
            await service.copy_records_to_table(
                "claim", columns=("kind", "key", "owner"), records=[("nik", "two", "b")]
            )
        async with service.transaction():
            await service.execute(FREE, ["one", "two"])
        await service.execute(CLAIM, "three")
    assert [row["key"] for row in await service.fetch("select key from claim")] == ["three"]
    with pytest.raises(asyncpg.RestrictViolationError, match=STANDS):
        await service.execute(FREE, ["three"])
    async with service.transaction():
        await service.execute(CLAIM, "four")
        with pytest.raises(asyncpg.RestrictViolationError, match=STANDS):
            async with service.transaction():
                await service.execute(FREE, ["three", "four"])


async def test_claim_of_a_concurrent_transaction_is_not_deleted(service: Connection, database: Database) -> None:
    other = await asyncpg.connect(database.url_of("enrollment"))
    async with service.transaction():
        await service.execute(CLAIM, "mine")
        await other.execute("insert into enrollment.claim (kind, key, owner) values ('nik', 'theirs', 'budi')")
        with pytest.raises(asyncpg.RestrictViolationError, match=STANDS):
            async with service.transaction():
                await service.execute(FREE, ["theirs"])
        await service.execute(FREE, ["mine"])
    await other.close()
    assert [row["key"] for row in await service.fetch("select key from claim")] == ["theirs"]


@pytest.mark.parametrize("name", ["programme", "reference", "identity-index", "account-index", "lanes"])
async def test_fingerprint_of_a_pinned_value_is_not_deleted(service: Connection, name: str) -> None:
    await service.execute("insert into fingerprint (name, value) values ($1, 'x')", name)
    with pytest.raises(asyncpg.RestrictViolationError, match=f"{name} is fixed"):
        await service.execute("delete from fingerprint")


@pytest.mark.parametrize("name", ["enrollment/enrollment-1", "operations-chain"])
async def test_fingerprint_of_a_rotated_key_is_deleted(service: Connection, name: str) -> None:
    await service.execute("insert into fingerprint (name, value) values ($1, 'x') on conflict do nothing", name)
    await service.execute("delete from fingerprint where name = $1", name)
