"""Operations that require two different persons: the first consent is kept, for exactly the content it was about."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.errors import Refused
from shared.messaging.engine.operator import Operator, require_second_person
from shared.postgres.migrations import grants, load_migrations, migrate
from shared.postgres.session import connect
from tests.builders import chain_key
from tests.infrastructure import Database, sealing_of

KEY = chain_key("enrollment")
NOW = datetime(2023, 3, 1, tzinfo=UTC)
CONTENT = {"lane": 4, "sequence": 17}


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    url = database.url_of(owner_of("enrollment"))
    begin = sealing_of("enrollment").seal_in_migration
    await migrate(url, load_migrations("shared.messaging"), [grants("shared.messaging")], begin)
    connection = await connect(database.url_of("enrollment"), "test")
    yield connection
    await connection.close()


async def pass_lane(connection: Connection, who: str, **content: int) -> str | None:
    async with connection.transaction():
        return await require_second_person(
            connection, Operator(who, "a drill", NOW, KEY), "lanes pass", "lane 4", CONTENT | content
        )


async def test_second_person_gets_the_name_of_the_first(connection: Connection) -> None:
    assert await pass_lane(connection, "Ani") is None
    assert await pass_lane(connection, "Budi") == "Ani"
    assert await pass_lane(connection, "Ani") is None, "each operation takes two"
    log = await connection.fetch("select who, detail::json ->> 'awaits' as awaits from operation order by number")
    assert [tuple(row) for row in log] == [("Ani", "a second person")] * 2


UNSEEN = ("\u200b", "\ufe0f", "\u034f", "\u3164", "\u115f", "\u2800", "\U000e0100")


@pytest.mark.parametrize("again", ["Ani", "ani ", " ANI", "\uff21ni", "Ani\t", *(f"A{sign}ni" for sign in UNSEEN)])
async def test_one_person_under_two_spellings_is_refused(connection: Connection, again: str) -> None:
    await pass_lane(connection, "Ani")
    with pytest.raises(Refused, match="two different persons"):
        await pass_lane(connection, again)
    assert await pass_lane(connection, "Budi") == "Ani"


async def test_consent_to_other_content_is_void(connection: Connection) -> None:
    await pass_lane(connection, "Ani")
    assert await pass_lane(connection, "Budi", sequence=18) is None
    assert await pass_lane(connection, "Ani") is None, "the consent to the old content is gone"
    assert await pass_lane(connection, "Budi") == "Ani"


async def test_previewed_consent_is_not_kept(connection: Connection) -> None:
    preview = connection.transaction()
    await preview.start()
    await require_second_person(connection, Operator("Ani", "a drill", NOW, KEY), "lanes pass", "lane 4", CONTENT)
    await preview.rollback()
    assert await pass_lane(connection, "Budi") is None


@pytest.mark.parametrize("nobody", ["", "  ", *UNSEEN])
def test_operator_without_a_visible_name_or_reason_is_refused(nobody: str) -> None:
    for who, why in ((nobody, "a drill"), ("Ani", nobody)):
        with pytest.raises(Refused, match="no visible character"):
            Operator(who, why, NOW, KEY)
