"""A49: what is replayed are the bytes that came, in their own row; altered or moved ones stay parked, by name."""

from collections.abc import AsyncIterator

import pytest
from asyncpg import Connection
from joserfc.jwk import OctKey

from shared.contracts.park_reasons import ParkReason
from shared.contracts.seals import KeyRing
from shared.errors import Refused
from shared.messaging.engine.operations import replay_parked
from shared.messaging.engine.operator import Operator
from shared.messaging.message import Record, pack, unpack
from shared.messaging.transaction import parking
from shared.messaging.transaction.parking import ParkedRecord
from tests.builders import LATER, chain_key
from tests.infrastructure import Database, PostgresServer

VAULT = KeyRing({kid: OctKey.generate_key(256, {"kid": kid}) for kid in ("mine", "older")})
OTHERS = KeyRing({"other": OctKey.generate_key(256, {"kid": "other"})})
ANI, BUDI = "4810000000000017", "4810000000000025"
REFUSAL = r"none is replayed; its bytes were altered, are another record's, or lie under a key that is gone: 1 \(conf"


@pytest.fixture
async def connection(postgres: PostgresServer) -> AsyncIterator[Connection]:
    """Open a session of the owner, who alone may rewrite what is parked."""
    database: Database = await postgres.lend("payment")
    writer, owner = await database.sessions("payment")
    # Numbers begin with 1 in every test.
    await owner.execute("alter sequence parked_id_seq restart")
    yield owner
    await writer.close()
    await owner.close()
    await postgres.take_back(database)


def report(offset: int, person: str = "") -> Record:
    value = b'{"participant_id":"%s","status":"settled","number":%d}' % (person.encode(), offset)
    return Record("disbursement-reports.bni", 3, offset, 0, person.encode() or None, value, (("ce_id", b"1"),))


async def park(connection: Connection, *records: Record) -> None:
    parked = [ParkedRecord(record, ParkReason.CONFLICT, "", 0) for record in records]
    assert len(await parking.flush(connection, parked, VAULT, LATER)) == len(records)


async def replay(connection: Connection, *numbers: int, vault: KeyRing = VAULT) -> str:
    operator = Operator("ani", "a drill", LATER, chain_key("payment"))
    async with connection.transaction():
        return (await replay_parked(connection, operator, numbers, vault)).sentence


async def token_of(connection: Connection, number: int) -> str:
    return str(await connection.fetchval("select sealed from parked where id = $1", number))


async def assert_nothing_changed(connection: Connection) -> None:
    assert await connection.fetchval("select count(*) from parked where replayed_at is null") == 2
    assert await connection.fetchval("select count(*) from waiting") == 0
    assert await connection.fetchval("select count(*) from operation") == 0


def flipped(token: str, part: int) -> str:
    """Return the token with another first character in one of its parts."""
    parts = token.split(".")
    first, rest = parts[part][0], parts[part][1:]
    parts[part] = ("B" if first == "A" else "A") + rest
    return ".".join(parts)


@pytest.mark.parametrize("person", ["", ANI], ids=["of nobody", "of a person"])
@pytest.mark.parametrize("part", [0, 2, 3, 4], ids=["header", "nonce", "bytes", "tag"])
async def test_flipped_byte_is_refused_by_name_and_stays_parked(connection: Connection, person: str, part: int) -> None:
    await park(connection, report(1, person), report(2))
    altered = flipped(await token_of(connection, 1), part)
    await connection.execute("update parked set sealed = $1 where id = 1", altered)
    with pytest.raises(Refused, match=REFUSAL):
        await replay(connection, 1)
    await assert_nothing_changed(connection)


@pytest.mark.parametrize("people", [("", ""), (ANI, ANI), (ANI, BUDI)], ids=["of nobody", "of one", "of two"])
async def test_bytes_of_another_row_are_refused_by_name_and_stay_parked(
    connection: Connection, people: tuple[str, str]
) -> None:
    await park(connection, report(1, people[0]), report(2, people[1]))
    await connection.execute("update parked p set sealed = o.sealed from parked o where p.id = 3 - o.id")
    for number in (1, 2):
        with pytest.raises(Refused, match=REFUSAL.replace(": 1 ", f": {number} ")):
            await replay(connection, number)
    await assert_nothing_changed(connection)


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(VAULT.seal({"number": "0123456789"}), id="another seal of the service"),
        pytest.param(VAULT.seal_bytes(pack(report(1)._replace(partition=4))), id="of another partition"),
        pytest.param(VAULT.seal_bytes(pack(report(1)._replace(topic="treasury.funding"))), id="of another topic"),
        pytest.param(VAULT.seal_bytes(pack(report(1)._replace(value=b"{}"))), id="another value at the same place"),
        pytest.param(OTHERS.seal_bytes(pack(report(1))), id="under a key that is not there"),
        pytest.param("not a seal", id="no seal"),
    ],
)
async def test_planted_bytes_are_refused_by_name_and_stay_parked(connection: Connection, planted: str) -> None:
    await park(connection, report(1), report(2))
    await connection.execute("update parked set sealed = $1 where id = 1", planted)
    with pytest.raises(Refused, match=REFUSAL):
        await replay(connection, 1)
    await assert_nothing_changed(connection)


async def test_altered_record_holds_up_no_other(connection: Connection) -> None:
    await park(connection, report(1), report(2))
    await connection.execute("update parked set sealed = $1 where id = 1", flipped(await token_of(connection, 1), 3))
    sentence = await replay(connection, 1, 2)
    assert sentence.startswith("1 record replayed: 2 (conflict); its bytes were altered")
    (record,) = await connection.fetch("select record from waiting")
    assert unpack(record["record"]) == report(2)
    assert await connection.fetchval("select array_agg(id) from parked where replayed_at is null") == [1]


async def test_bytes_sealed_under_an_older_key_of_the_ring_are_replayed(connection: Connection) -> None:
    await park(connection, report(1))
    await connection.execute("update parked set sealed = $1", VAULT.seal_bytes(pack(report(1)), "older"))
    assert await replay(connection, 1) == "1 record replayed: 1 (conflict)"
