"""Keys of people: parked bytes are sealed under them, resealed when a key rotates, and dead once they are destroyed."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg import Connection
from joserfc.jwk import OctKey

from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.seals import KeyRing
from shared.errors import Refused
from shared.messaging.engine.operations import replay_parked
from shared.messaging.engine.operator import Operator
from shared.messaging.message import Record, pack, unpack
from shared.messaging.transaction import parking
from shared.messaging.transaction.deferral import Deferrals, ReleaseBudget
from shared.messaging.transaction.parking import ParkedRecord
from shared.messaging.transaction.personal_keys import destroy_secrets
from shared.messaging.transaction.seal_counts import count_parked
from tests.builders import LATER, chain_key
from tests.infrastructure import Database, PostgresServer

PERSON, OTHER, NOBODY = "4810000000000017", "4810000000000025", "7Q2M9K4T1B8XW3ZA"
OLD = KeyRing({"old": OctKey.generate_key(256, {"kid": "old"})})
BOTH = KeyRing({"new": OctKey.generate_key(256, {"kid": "new"}), **OLD.keys})


@pytest.fixture
async def connection(postgres: PostgresServer) -> AsyncIterator[Connection]:
    """Open a session of the owner, who alone may rewrite what is parked."""
    database: Database = await postgres.lend("completion")
    writer, owner = await database.sessions("completion")
    yield owner
    await writer.close()
    await owner.close()
    await postgres.take_back(database)


def about(person: str, offset: int = 1) -> Record:
    value = b'{"participant_id":"%s","name":"x"}' % person.encode()
    return Record("training.evidence", 0, offset, 0, person.encode(), value, (("ce_id", b"1"),))


async def park(connection: Connection, *records: Record, vault: KeyRing = OLD) -> None:
    parked = [ParkedRecord(record, ParkReason.INVALID_FIELD, "/name", 0) for record in records]
    assert len(await parking.flush(connection, parked, vault, LATER)) == len(records)


async def opened(connection: Connection, vault: KeyRing) -> list[str]:
    """Return whom those parked records are about that can be opened with this ring and what is in the database."""
    rows = await connection.fetch(
        "select sealed, secret from parked left join personal_key using (person) order by parked.id"
    )
    found = []
    for row in rows:
        for secret in (row["secret"], None):
            try:
                found.append((unpack(vault.open_bytes(row["sealed"], secret=secret)).key or b"").decode())
            except Parked:
                continue
            break
    return found


async def replay(connection: Connection, vault: KeyRing) -> str:
    numbers = [row["id"] for row in await connection.fetch("select id from parked")]
    operator = Operator("Ani", "a drill", LATER, chain_key("completion"))
    async with connection.transaction():
        return (await replay_parked(connection, operator, numbers, vault)).sentence


async def test_destroyed_key_leaves_nothing_of_its_person_to_open(connection: Connection) -> None:
    await park(connection, about(PERSON, 1), about(OTHER, 2), about(PERSON, 3), about(NOBODY, 4))
    assert len(await opened(connection, OLD)) == 4
    await destroy_secrets(connection, {PERSON})
    assert await opened(connection, OLD) == [OTHER, NOBODY]
    assert await connection.fetchval("select count(*) from personal_key") == 2


async def test_what_is_parked_of_the_erased_is_not_kept(connection: Connection) -> None:
    await destroy_secrets(connection, {PERSON})
    await park(connection, about(PERSON))
    row = await connection.fetchrow("select sealed, whole, size, reason from parked")
    assert row is not None
    assert tuple(row) == ("", False, len(about(PERSON).value or b""), "invalid_field")


async def test_what_opens_no_more_is_not_replayed(connection: Connection) -> None:
    await park(connection, about(PERSON, 1), about(OTHER, 2))
    await destroy_secrets(connection, {PERSON})
    sentence = await replay(connection, OLD)
    assert sentence.startswith("1 record replayed")
    assert "kept in part only, and no longer in Kafka: 1 (invalid_field)" in sentence
    with pytest.raises(Refused):
        await replay(connection, OLD)


async def test_what_is_replayed_of_a_person_is_found_and_taken_out(connection: Connection) -> None:
    await park(connection, about(PERSON, 1), about(OTHER, 2), about(NOBODY, 3))
    await replay(connection, OLD)
    deferrals = Deferrals(connection, LATER, {}, ReleaseBudget(0), count=3)
    assert [unpack(pack(one.record)) for one in await deferrals.take_of({PERSON})] == [about(PERSON, 1)]
    rows = await connection.fetch("select person from waiting order by id")
    assert ([row["person"] for row in rows], deferrals.count) == ([OTHER, None], 2)


async def test_record_of_a_person_is_replayed_whole(connection: Connection) -> None:
    await park(connection, about(PERSON))
    await replay(connection, OLD)
    assert unpack(await connection.fetchval("select record from waiting")) == about(PERSON)


async def test_records_parked_before_are_resealed_and_the_old_key_may_go(connection: Connection) -> None:
    await park(connection, about(PERSON, 1), about(NOBODY, 2), about(OTHER, 3))
    plain = OLD.seal_bytes(pack(about(OTHER, 3)))
    await connection.execute('update parked set sealed = $1, person = null where "offset" = 3', plain)
    assert await count_parked(connection) == {"old": 3}
    assert await parking.reseal(connection, BOTH) == 3
    assert await parking.reseal(connection, BOTH) == 0
    assert await count_parked(connection) == {"new": 3}
    assert await opened(connection, KeyRing({"new": BOTH.keys["new"]})) == [PERSON, NOBODY, OTHER]
    await destroy_secrets(connection, {OTHER})
    assert await opened(connection, BOTH) == [PERSON, NOBODY]


async def test_what_opens_no_more_keeps_no_key_in_its_set(connection: Connection) -> None:
    await park(connection, about(PERSON))
    await destroy_secrets(connection, {PERSON})
    assert (await parking.reseal(connection, BOTH), await count_parked(connection)) == (0, {})


async def test_destroyed_key_never_comes_back(connection: Connection) -> None:
    await park(connection, about(PERSON))
    await destroy_secrets(connection, {PERSON})
    await destroy_secrets(connection, {PERSON})
    for statement in ("update personal_key set secret = sha256('x')", "delete from personal_key"):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(statement)
