"""The seal on the end of the log of operations: a rewritten log is found, and a lost key is reported."""

import json

import pytest

from deploy.local.keys import make_keys
from deploy.local.roles import owner_of
from shared.messaging.operation_log import operation_hash
from shared.postgres.session import connect
from tests.infrastructure import Database
from tests.integration.runtime.conftest import Toy
from tests.integration.runtime.test_verbs import BY, park

KEY = "toy-chain.key"
FORGED = "operations: the end at 1 has a seal that is not ours"
LOST = "toy-chain.key is missing, and without it no hash chain can be verified or continued: put it back"


@pytest.fixture
async def closed(toy: Toy) -> Toy:
    """One operation stands in the log."""
    await park(toy)
    await toy.run_verb("parked", "close", "1", *BY, "--yes")
    return toy


async def rewrite_log(toy: Toy) -> None:
    """Put it under another name, with every hash as it must be, and the end with it."""
    (row,) = await toy.connection.fetch("select *, detail::text as text from operation")
    fields = (row["number"], row["at"], row["verb"], "another", row["why"])
    hashed = operation_hash(row["previous_hash"], *fields, row["text"])
    await toy.connection.execute("alter table operation disable trigger user")
    await toy.connection.execute("update operation set who = 'another', hash = $1", hashed)
    await toy.connection.execute("alter table operation enable trigger user")
    await toy.connection.execute("update operation_head set hash = $1", hashed)


async def test_rewritten_operation_log_is_found_and_not_continued(closed: Toy) -> None:
    assert not any((await closed.verify()).values())
    await rewrite_log(closed)
    breaches = await closed.verify(status=1)
    assert breaches["E8"] == [FORGED]
    assert breaches["E6"] == [], "row by row it is a chain"
    await park(closed, 1)
    assert FORGED in await closed.run_verb("parked", "close", "2", *BY, "--yes", status=2)


async def test_shortened_operation_log_is_found(closed: Toy) -> None:
    await closed.connection.execute("alter table operation disable trigger user; delete from operation")
    assert (await closed.verify(status=1))["E6"] == ["the log of operations does not end at 0"]


async def test_missing_chain_key_is_refused_by_every_verb(closed: Toy) -> None:
    (closed.folder / KEY).unlink()
    for verb in (["run"], ["verify"], ["parked", "close", "1", *BY, "--yes"], ["chains", "seal-anew", *BY, "--yes"]):
        assert LOST in await closed.run_verb(*verb, status=2), verb


async def test_other_chain_key_is_refused_by_every_verb(closed: Toy) -> None:
    make_keys(closed.folder / "other", services=("toy",), partners=())
    (closed.folder / "other" / KEY).replace(closed.folder / KEY)
    await park(closed, 1)
    for verb in (["run"], ["verify"], ["parked", "close", "2", *BY, "--yes"]):
        assert f"{KEY} is not the one these data were made with; restore that one" in await closed.run_verb(
            *verb, status=2
        )
    await closed.connection.execute("delete from fingerprint")
    assert f"{KEY} is not the one" in await closed.run_verb("verify", status=2), "the seals themselves prove it"


async def test_lost_chain_key_is_replaced_only_by_seal_anew(closed: Toy) -> None:
    seal_anew = ("chains", "seal-anew", *BY)
    assert "toy-chain.key is the key of these data, and not lost" in await closed.run_verb(
        *seal_anew, "--yes", status=2
    )
    make_keys(closed.folder / "other", services=("toy",), partners=())
    (closed.folder / "other" / KEY).replace(closed.folder / KEY)
    assert "add --yes" in await closed.run_verb(*seal_anew)
    await closed.run_verb("verify", status=2)
    assert "sealed anew under toy-chain.key: operations at 1" in await closed.run_verb(*seal_anew, "--yes")
    assert (await closed.verify())["E8"] == []
    (row,) = await closed.connection.fetch("select verb, detail::text as detail from operation where number = 2")
    assert (row["verb"], json.loads(row["detail"])) == ("chains seal-anew", {"ends": {"operations": 1}})


async def test_foreign_chain_end_is_not_sealed_anew_with_the_present_key(closed: Toy) -> None:
    await rewrite_log(closed)
    output = await closed.run_verb("chains", "seal-anew", *BY, "--yes", status=2)
    assert "toy-chain.key is the key of these data, and not lost" in output


async def test_broken_chain_is_not_sealed_anew(closed: Toy) -> None:
    await closed.connection.execute("alter table operation disable trigger user; update operation set who = 'another'")
    make_keys(closed.folder / "other", services=("toy",), partners=())
    (closed.folder / "other" / KEY).replace(closed.folder / KEY)
    output = await closed.run_verb("chains", "seal-anew", *BY, "--yes", status=2)
    assert "a new seal would hide that a chain was changed: operation 1 does not" in output


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("alter table player owner to enrollment", "enrollment may act as the owner of table player"),
        (
            "alter function refuse_change() owner to enrollment",
            "enrollment may act as the owner of function refuse_change",
        ),
    ],
)
async def test_service_that_owns_a_guarded_object_is_found(
    toy: Toy, database: Database, change: str, found: str
) -> None:
    superuser = await connect(database.url, "test")
    await superuser.execute(f"set search_path = enrollment; {change}")
    await superuser.close()
    assert (await toy.verify(status=1))["E7"] == [found]


async def test_service_running_as_owner_or_superuser_is_found(toy: Toy, database: Database) -> None:
    owner, superuser = database.url_of(owner_of("enrollment")), f"{database.url}?search_path=enrollment"
    assert "enrollment_owner may act as the owner of schema enrollment" in await toy.run_verb(
        "verify", status=1, TOY_POSTGRES_URL=owner
    )
    assert "postgres is a superuser" in await toy.run_verb("verify", status=1, TOY_POSTGRES_URL=superuser)
