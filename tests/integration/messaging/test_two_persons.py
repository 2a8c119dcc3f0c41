"""Verbs that need two different persons: the first one's word is kept, and holds for what it was given for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from asyncpg import Connection

from deploy.local.roles import owner_of
from shared.messaging.engine.operations import OperationRefused, Operator, require_second_person
from shared.postgres.migrations import grants, load_migrations, migrate
from shared.postgres.session import connect
from tests.builders import chain_key
from tests.infrastructure import Database, sealing_of

KEY = chain_key("enrollment")
NOW = datetime(2023, 3, 1, tzinfo=UTC)
CONTENT = {"lane": 4, "sequence": 17}


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Connection]:
    url = database.url_of(owner_of("enrollment"))
    begin = sealing_of("enrollment").seal_in_migration
    await migrate(url, load_migrations("shared.messaging"), [grants("shared.messaging")], begin)
    connection = await connect(database.url_of("enrollment"), "test")
    yield connection
    await connection.close()


async def pass_lane(desk: Connection, who: str, **content: int) -> str | None:
    async with desk.transaction():
        return await require_second_person(
            desk, Operator(who, "a drill", NOW, KEY), "lanes pass", "lane 4", CONTENT | content
        )


async def test_the_second_of_two_persons_is_told_who_was_the_first(desk: Connection) -> None:
    assert await pass_lane(desk, "Ani") is None
    assert await pass_lane(desk, "Budi") == "Ani"
    assert await pass_lane(desk, "Ani") is None, "each deed takes two"
    log = await desk.fetch("select who, detail::json ->> 'awaits' as awaits from operation order by number")
    assert [tuple(row) for row in log] == [("Ani", "a second person")] * 2


UNSEEN = ("\u200b", "\ufe0f", "\u034f", "\u3164", "\u115f", "\u2800", "\U000e0100")


@pytest.mark.parametrize("again", ["Ani", "ani ", " ANI", "\uff21ni", "Ani\t", *(f"A{sign}ni" for sign in UNSEEN)])
async def test_one_person_under_two_spellings_is_not_two(desk: Connection, again: str) -> None:
    await pass_lane(desk, "Ani")
    with pytest.raises(OperationRefused, match="two different persons"):
        await pass_lane(desk, again)
    assert await pass_lane(desk, "Budi") == "Ani"


async def test_a_word_about_another_content_is_void(desk: Connection) -> None:
    await pass_lane(desk, "Ani")
    assert await pass_lane(desk, "Budi", sequence=18) is None
    assert await pass_lane(desk, "Ani") is None, "what was said first about the old content is gone"
    assert await pass_lane(desk, "Budi") == "Ani"


async def test_a_word_that_was_only_previewed_is_not_kept(desk: Connection) -> None:
    preview = desk.transaction()
    await preview.start()
    await require_second_person(desk, Operator("Ani", "a drill", NOW, KEY), "lanes pass", "lane 4", CONTENT)
    await preview.rollback()
    assert await pass_lane(desk, "Budi") is None


@pytest.mark.parametrize("nobody", ["", "  ", *UNSEEN])
def test_nobody_is_no_operator(nobody: str) -> None:
    for who, why in ((nobody, "a drill"), ("Ani", nobody)):
        with pytest.raises(OperationRefused, match="says nothing"):
            Operator(who, why, NOW, KEY)
