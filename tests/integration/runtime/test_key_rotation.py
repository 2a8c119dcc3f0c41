"""Rotation of a key set while a process runs: taken over from its file, sealed again by a verb, old keys guarded."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from shared.contracts.seals import KeyRing
from shared.messaging.message import Record, pack
from tests.integration.runtime.conftest import Toy
from tests.timeouts import until

OLD, NEW, OTHER = bytes(32), b"2" * 32, b"3" * 32
PERSON = ("--who", "ani", "--why", "a rotation")


def write_keys(toy: Toy, **keys: bytes) -> KeyRing:
    """Replace the set by these keys, at once as an operator does; the first one seals."""
    parts = [
        {"kty": "oct", "k": urlsafe_b64encode(key).decode().rstrip("="), "kid": kid.replace("_", "-"), "use": "enc"}
        for kid, key in keys.items()
    ]
    path = toy.folder / f"{toy.league.service}.jwks.json"
    making = path.with_suffix(".making")
    making.write_text(json.dumps({"keys": parts}))
    making.replace(path)
    return KeyRing.load(path)


async def park(toy: Toy, ring: KeyRing) -> None:
    """Something was parked under the first key of this ring."""
    await toy.connection.execute(
        'insert into parked (reason, detail, topic, partition, "offset", size, sha256, sealed, parked_at, person)'
        " values ('invalid_json', '', 'requests', 0, 1, 1, '', $1, now(), '')",
        ring.seal_bytes(pack(Record("requests", 0, 1, 0, None, b"{", ()))),
    )


async def degraded(toy: Toy) -> str:
    return " ".join((await toy.get("/health/ready")).json()["degraded"])


async def known(toy: Toy) -> set[str]:
    rows = await toy.connection.fetch("select name from fingerprint where name like '%/%'")
    return {row["name"].rpartition("/")[2] for row in rows}


async def listed(toy: Toy) -> list[tuple[Any, ...]]:
    rows = json.loads(await toy.run_verb("keys", "list", "--json"))
    return [(row["kid"], row["use"], row["place"], row["number"]) for row in rows]


async def test_running_process_takes_keys_over_and_keeps_what_is_needed(toy: Toy) -> None:
    old = write_keys(toy, toy_1=OLD)
    async with toy.run_process() as process:
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await park(toy, old)
        write_keys(toy, toy_2=NEW, toy_1=OLD)
        await until(lambda: known_are(toy, "toy-1", "toy-2"), "the new key is taken over")

        write_keys(toy, toy_2=NEW)
        await until(lambda: says(toy, "lacks the key toy-1, which still seals stored data"), "it says so")
        assert "It seals 1 parked records" in await degraded(toy)
        write_keys(toy, toy_3=OTHER, toy_1=OLD)
        await until(lambda: says(toy, "lacks the key toy-2, with which this process seals"), "it says so")
        (toy.folder / f"{toy.league.service}.jwks.json").write_text("{")
        await until(lambda: says(toy, "is no JWK set"), "it says so")
        assert await known(toy) == {"toy-1", "toy-2"}

        await toy.connection.execute("delete from parked")
        write_keys(toy, toy_2=NEW)
        await until(lambda: known_are(toy, "toy-2"), "the old key is gone")
        assert (await degraded(toy), process.alive) == ("", True)


async def known_are(toy: Toy, *kids: str) -> bool:
    return await known(toy) == set(kids)


async def says(toy: Toy, text: str) -> bool:
    return text in await degraded(toy)


async def test_what_lies_under_an_older_key_is_listed_and_sealed_again(toy: Toy) -> None:
    await park(toy, write_keys(toy, toy_1=OLD))
    assert "nothing lies under an older key" in await toy.run_verb("keys", "reseal", *PERSON, status=2)
    write_keys(toy, toy_2=NEW, toy_1=OLD)
    before = [("toy-2", "seals", "nothing", 0), ("toy-1", "opens", "parked records", 1)]
    assert await listed(toy) == before
    assert "to be sealed again under toy-2: 1 parked records under toy-1" in await toy.run_verb(
        "keys", "reseal", *PERSON
    )
    assert (await listed(toy), await toy.operations()) == (before, [])
    assert "resealed under toy-2: 1 parked records" in await toy.run_verb("keys", "reseal", *PERSON, "--yes")
    assert await listed(toy) == [("toy-2", "seals", "parked records", 1), ("toy-1", "opens", "nothing", 0)]
    assert await toy.operations() == [("keys reseal", "ani")]
    write_keys(toy, toy_2=NEW)
    await toy.run_verb("verify")


async def test_key_that_is_missing_is_listed_with_what_it_seals(toy: Toy) -> None:
    await park(toy, write_keys(toy, toy_1=OLD))
    write_keys(toy, toy_2=NEW)
    assert await listed(toy) == [
        ("toy-2", "seals", "nothing", 0),
        ("toy-1", "not in the set", "parked records", 1),
    ]
