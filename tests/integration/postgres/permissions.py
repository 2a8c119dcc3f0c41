"""The permissions that statements need, asked of the server: a plan is refused to a role that may not execute it."""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import asyncpg
from asyncpg import Connection

from deploy.local.paths import ROOT
from shared.postgres.queries import blocks

SHARED = ("shared.messaging", "shared.runtime", "shared.postgres")
# For the owner, in `migrate`, and for whoever draws schemas; but every program reads which migrations were applied.
NOT_RUN_BY_SERVICES = {"migration.sql", "schema_dump.sql", "resealing.sql"}
COMPARED = "load_migrations"


@dataclass(frozen=True)
class Statement:
    """A named query, or a COPY, which needs what an insertion needs."""

    name: str
    text: str

    def mentions(self, table: str) -> bool:
        return re.search(rf"\b{table}\b", self.text) is not None


def statements_of(service: str) -> list[Statement]:
    """Return all statements of a service's work, checks and commands."""
    packages = (*SHARED, f"services.{service}")
    return [*(query for package in packages for query in _queries(package)), *_copies(service)]


def _queries(package: str) -> Iterator[Statement]:
    for file in files(package).joinpath("sql").iterdir():
        for name, text in blocks(file.read_text("utf-8"), file.name):
            if file.name not in NOT_RUN_BY_SERVICES or name == COMPARED:
                yield Statement(name, text)


def _copies(service: str) -> Iterator[Statement]:
    for folder in (ROOT / "shared" / "messaging", ROOT / "services" / service):
        for path in sorted(folder.rglob("*.py")):
            yield from (Statement(f"copy into {t}", f"insert into {t} default values") for t in _copied(path))


def _copied(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".copy_records_to_table"):
            yield str(ast.literal_eval(node.args[0]))


class Granting:
    """A session of the owner that changes grants, and asks as the service whether a statement is allowed."""

    def __init__(self, owner: Connection, service: str) -> None:
        self.service = service
        self._owner = owner

    async def refuses(self, statement: Statement) -> bool:
        """Tell whether the service may not even plan a statement."""
        parameters = len(set(re.findall(r"\$\d+", statement.text)))
        values = f"({', '.join(['null'] * parameters)})" if parameters else ""
        await self._owner.execute(f'set local role "{self.service}"; savepoint asking')
        try:
            await self._owner.execute(f"prepare asked as {statement.text}; explain execute asked{values}")
        except asyncpg.InsufficientPrivilegeError:
            return True
        finally:
            await self._owner.execute("rollback to asking; deallocate all; reset role")
        return False

    @asynccontextmanager
    async def without(self, privilege: str, table: str) -> AsyncIterator[None]:
        """Revoke a privilege on the table for the length of the context."""
        await self._owner.execute(f'savepoint taking; revoke {privilege} on {table} from "{self.service}"')
        try:
            yield
        finally:
            await self._owner.execute("rollback to taking")

    async def granted(self) -> list[tuple[str, str]]:
        """Return privilege and table of each single grant; updates are granted by column."""
        rows = await self._owner.fetch(
            "select c.relname as table, lower(a.privilege_type) as privilege"
            " from pg_class c cross join aclexplode(c.relacl) a where a.grantee = $1::text::regrole"
            " and c.relnamespace = current_schema()::regnamespace"
            " union all select c.relname, format('%s (%I)', lower(a.privilege_type), t.attname)"
            " from pg_class c join pg_attribute t on t.attrelid = c.oid cross join aclexplode(t.attacl) a"
            " where a.grantee = $1::text::regrole and c.relnamespace = current_schema()::regnamespace order by 1, 2",
            self.service,
        )
        return [(row["privilege"], row["table"]) for row in rows]
