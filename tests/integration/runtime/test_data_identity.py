"""The identity of the data: a program with another key, name or number is refused with what to do."""

import json
from base64 import urlsafe_b64encode

import pytest

from shared.contracts.seals import KeyRing
from tests.integration.runtime.conftest import Toy
from tests.timeouts import until

REFUSED = "TOY_SEASON (autumn) is not the one these data were made with; restore that one"


async def started(toy: Toy, **settings: str) -> None:
    """Run the process until it has been ready once."""
    async with toy.run_process(**settings):
        await until(lambda: toy.is_up("/health/ready"), "it is ready")


def write_keys(toy: Toy, **keys: bytes) -> KeyRing:
    """Key sets of the process and of the command line, with these kids; the first one seals."""
    parts = [
        {"kty": "oct", "k": urlsafe_b64encode(key).decode().rstrip("="), "kid": kid.replace("_", "-"), "use": "enc"}
        for kid, key in keys.items()
    ]
    for name in ("toy", toy.league.service):
        (toy.folder / f"{name}.jwks.json").write_text(json.dumps({"keys": parts}))
    return KeyRing.load(toy.folder / "toy.jwks.json")


async def park(toy: Toy, ring: KeyRing, kid: str) -> None:
    """Something was parked under this key."""
    await toy.connection.execute(
        'insert into parked (reason, detail, topic, partition, "offset", size, sha256, sealed, parked_at)'
        " values ('invalid_json', '', 'requests', 0, 1, 1, '', $1, now())",
        ring.seal_bytes(b"{}", kid),
    )


async def test_pinned_value_is_saved_at_the_first_start_and_others_are_refused(toy: Toy) -> None:
    await started(toy)
    for verb in (("run",), ("verify",)):
        output = await toy.run_verb(*verb, status=2, TOY_SEASON="autumn")
        assert REFUSED in output
        assert len(output.strip().splitlines()) == 1
    await started(toy)


@pytest.mark.parametrize("season", ["spring", "autumn"])
async def test_data_without_fingerprints_prove_what_they_were_made_with(toy: Toy, season: str) -> None:
    await toy.connection.execute("insert into player values ('ana', 'spring/7')")
    if season == "spring":
        await started(toy)
        return
    assert REFUSED in await toy.run_verb("run", status=2, TOY_SEASON="autumn")
    assert not await toy.connection.fetchval("select count(*) from fingerprint where not name like '%-chain'")


async def test_running_process_stops_reading_when_its_data_become_anothers(toy: Toy) -> None:
    async with toy.run_process():
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await toy.connection.execute("update fingerprint set value = 'autumn' where name = 'season'")

        async def refused() -> bool:
            answer = await toy.get("/health/ready")
            reasons = " ".join(answer.json()["reasons"])
            return (
                answer.status_code == 503 and "TOY_SEASON (spring) is not the one" in reasons and "found yet" in reasons
            )

        await until(refused, "it says so")
        await toy.connection.execute("update fingerprint set value = 'spring' where name = 'season'")
        await until(lambda: toy.is_up("/health/ready"), "it is ready again")


async def test_other_number_of_lanes_is_refused(toy: Toy) -> None:
    await started(toy)
    await toy.connection.execute("update fingerprint set value = '24' where name = 'lanes'")
    assert "the number of lanes, 12, is not the one these data were made with" in await toy.run_verb("run", status=2)


async def test_new_key_under_an_old_kid_is_refused_by_every_verb(toy: Toy) -> None:
    write_keys(toy, toy_1=bytes(32))
    await started(toy)
    write_keys(toy, toy_1=b"1" * 32)
    for verb in ("run", "verify"):
        assert "the key toy-1 of" in await toy.run_verb(verb, status=2)
    write_keys(toy, toy_1=bytes(32))
    await started(toy)


async def test_key_that_still_seals_something_must_stay_in_the_set(toy: Toy) -> None:
    await started(toy)
    old, new = bytes(32), b"2" * 32
    ring = write_keys(toy, toy_2=new, toy_1=old)
    await started(toy)
    await park(toy, ring, "toy-1")
    write_keys(toy, toy_2=new)
    assert "lacks the key toy-1, which still seals stored data; put it back into the set" in await toy.run_verb(
        "run", status=2
    )
    await toy.connection.execute("delete from parked")
    await started(toy)
    names = await toy.connection.fetch("select name from fingerprint where name like '%/%'")
    assert [row["name"].rpartition("/")[2] for row in names] == ["toy-2"]


async def test_fingerprint_reveals_nothing_of_a_key(toy: Toy) -> None:
    await started(toy)
    rows = await toy.connection.fetch("select value from fingerprint where name like '%/%'")
    assert {len(row["value"]) for row in rows} == {64}
    assert not any(bytes(32).hex() in row["value"] for row in rows)
