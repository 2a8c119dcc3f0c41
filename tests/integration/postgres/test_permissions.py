"""The permissions, both ways: every statement is allowed, and every grant is needed by one."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.roles import owner_of
from shared.contracts.topics import SERVICES
from tests.infrastructure import Database
from tests.integration.postgres.permissions import Granting, statements_of


@pytest.fixture(params=SERVICES)
async def granting(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Granting]:
    await database.migrate(request.param)
    owner = await asyncpg.connect(database.url_of(owner_of(request.param)))
    await owner.execute("begin")
    yield Granting(owner, request.param)
    await owner.close()


async def test_service_may_do_what_its_statements_do(granting: Granting) -> None:
    refused = [s.name for s in statements_of(granting.service) if await granting.refuses(s)]
    assert refused == [], "grant what they need in grants.sql"


async def test_no_grant_is_unneeded(granting: Granting) -> None:
    statements, idle = statements_of(granting.service), []
    for privilege, table in await granting.granted():
        async with granting.without(privilege, table):
            if not any([await granting.refuses(s) for s in statements if s.mentions(table)]):
                idle.append(f"{privilege} on {table}")
    assert idle == [], "take it out of grants.sql"


async def test_only_the_service_has_grants_and_has_some_in_every_table(granting: Granting, database: Database) -> None:
    superuser = await asyncpg.connect(database.url)
    rows = await superuser.fetch(
        "select c.relname, a.grantee::regrole::text as who from pg_class c"
        " cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a"
        " where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p', 'S', 'v')",
        granting.service,
    )
    owners = await superuser.fetch(
        "select distinct relowner::regrole::text from pg_class where relnamespace = $1::text::regnamespace"
        " union select proowner::regrole::text from pg_proc where pronamespace = $1::text::regnamespace"
        " union select nspowner::regrole::text from pg_namespace where nspname = $1::text",
        granting.service,
    )
    public = await superuser.fetchval(
        "select count(*) from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " where p.pronamespace = $1::text::regnamespace and a.grantee in (0, $1::text::regrole)",
        granting.service,
    )
    await superuser.close()
    assert {row["who"] for row in rows} == {granting.service, owner_of(granting.service)}
    assert [tuple(row) for row in owners] == [(owner_of(granting.service),)]
    assert public == 0
